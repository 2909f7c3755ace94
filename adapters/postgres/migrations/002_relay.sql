-- How far the records were moved, for each sink that they are moved to.
CREATE TABLE @schema@.relay (
	name  text   PRIMARY KEY,
	epoch bigint NOT NULL,                -- counts who leads; an earlier one can move nothing
	seq   bigint NOT NULL DEFAULT 0,      -- of the last record that the sink has
	hash  bytea  NOT NULL DEFAULT '\x'    -- of that record in the chain
);

-- One row: up to which record the bodies were dropped.
CREATE TABLE @schema@.pruned (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	seq bigint  NOT NULL DEFAULT 0
);
INSERT INTO @schema@.pruned DEFAULT VALUES;
