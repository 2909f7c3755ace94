-- One row: the end of the chain of records. Whoever commits locks it, so that
-- all commits of this schema come one after the other.
CREATE TABLE @schema@.chain (
	one    boolean PRIMARY KEY DEFAULT true CHECK (one),
	seq    bigint  NOT NULL DEFAULT 0,  -- of the last record
	hash   bytea   NOT NULL DEFAULT '\x', -- of the last record, and so of all before
	halted text    NOT NULL DEFAULT '',  -- why no further record is accepted; empty while it is
	policy text    NOT NULL DEFAULT ''   -- digest of the policy in force; empty where it is kept elsewhere
);
INSERT INTO @schema@.chain DEFAULT VALUES;

-- The records, in the order of their commits, each chained to the one before:
-- hash = SHA-256(hash before || SHA-256(body)).
CREATE TABLE @schema@.outbox (
	seq  bigint PRIMARY KEY,
	id   text   NOT NULL UNIQUE,
	sum  bytea  NOT NULL,          -- SHA-256 of the body
	hash bytea  NOT NULL,
	body bytea                     -- the record as JSON; NULL once it was relayed and pruned
);

-- The newest revision of each ticket. What is queried stands in columns; state
-- is the whole.
CREATE TABLE @schema@.ticket (
	id        text   PRIMARY KEY,
	revision  bigint NOT NULL,
	status    text   NOT NULL,
	actor     text   NOT NULL,
	key       text   NOT NULL,
	persons   text[] NOT NULL,     -- the requester's and the reviewers'
	person    text   NOT NULL,     -- the requester's
	target    text   NOT NULL,
	kind      text   NOT NULL,
	requested text   COLLATE "C" NOT NULL, -- times: UTC with nine decimals, which sort as text and lose nothing
	due       text   COLLATE "C",
	mandate   text   NOT NULL DEFAULT '',
	owes      boolean NOT NULL,
	busy      boolean NOT NULL,    -- keeps others from its target
	stands    boolean NOT NULL,    -- imposes something on its target
	undoes    text   NOT NULL,
	executed  text   COLLATE "C",
	fence     bigint NOT NULL,
	subject   bytea  NOT NULL,     -- sum of its Subject, to tell a new look from an old one
	state     bytea  NOT NULL,     -- the ticket as JSON
	UNIQUE (actor, key)
);

-- How each target stands.
CREATE TABLE @schema@.head (
	target    text   PRIMARY KEY,
	fence     bigint NOT NULL DEFAULT 0,
	tier      text   NOT NULL DEFAULT '',
	tier_seen text   COLLATE "C",
	last      text   NOT NULL DEFAULT '', -- the ticket last rejected or undone
	last_over text   COLLATE "C"
);
