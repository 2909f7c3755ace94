-- What the service has without interlock: accounts and staff.
CREATE SCHEMA IF NOT EXISTS service;
CREATE TABLE IF NOT EXISTS service.account (
	id        text   PRIMARY KEY,
	handle    text   NOT NULL UNIQUE,
	tier      text   NOT NULL,
	followers bigint NOT NULL,
	fence     bigint NOT NULL DEFAULT 0 -- the highest permit seen; lower ones come too late
);
CREATE TABLE IF NOT EXISTS service.staff (
	login    text PRIMARY KEY,
	person   text NOT NULL,
	last_day date                        -- NULL while none is known
);
-- An account is suspended while a row of its own is not lifted: each ticket has
-- one, so that lifting one leaves the others.
CREATE TABLE IF NOT EXISTS service.suspension (
	ticket  text PRIMARY KEY,
	account text NOT NULL REFERENCES service.account (id),
	lifted  text NOT NULL DEFAULT ''     -- the ticket that lifted it
);
CREATE INDEX IF NOT EXISTS suspension_account ON service.suspension (account) WHERE lifted = '';
-- Every call of a handler, written before the handler does anything else. A
-- service needs no such table; it is how the demonstration counts.
CREATE TABLE IF NOT EXISTS service.call (
	at      timestamptz NOT NULL DEFAULT clock_timestamp(),
	replica text   NOT NULL,
	ticket  text   NOT NULL,
	fence   bigint NOT NULL
);
