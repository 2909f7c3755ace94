-- The versions of the policy that were in force, each written once. The newest
-- is in force, and chain.policy is its digest: whoever brings a version changes
-- both in one transaction, and so waits for the commits that are under way and
-- goes before all that come later.
CREATE TABLE @schema@.policy_version (
	number    bigint      PRIMARY KEY,
	digest    text        NOT NULL, -- of the rows, as package policy has it
	size      integer     NOT NULL, -- how many rows
	replaces  text        NOT NULL, -- digest of the version before; empty for the first
	cause     text        NOT NULL CHECK (cause IN ('first', 'change', 'restore')),
	ticket    text        NOT NULL, -- that was approved and brought it; empty where the configuration names it
	fence     bigint      NOT NULL, -- of that ticket, which grows with each change; 0 where there is none
	installed timestamptz NOT NULL DEFAULT now(),
	installer text        NOT NULL DEFAULT session_user -- the database's role; the people are on the ticket
);

-- The rows of each version, in their order.
CREATE TABLE @schema@.policy_row (
	version bigint  NOT NULL,
	place   integer NOT NULL, -- counted from 1
	type    text    NOT NULL, -- p, p2, p3 or g
	fields  text[]  NOT NULL, -- the columns behind the type
	PRIMARY KEY (version, place)
);

-- Versions that were proposed, and those that they replace, for reviewers and
-- for whoever takes a change back. They are believed by their digest alone.
CREATE TABLE @schema@.policy_proposal (
	digest text        PRIMARY KEY,
	body   text        NOT NULL, -- the rows as a JSON array of arrays, the type first
	saved  timestamptz NOT NULL DEFAULT now()
);

-- One row: how often the tables of versions were written, by whomever.
CREATE TABLE @schema@.policy_edit (
	one   boolean PRIMARY KEY DEFAULT true CHECK (one),
	edits bigint  NOT NULL DEFAULT 0
);
INSERT INTO @schema@.policy_edit DEFAULT VALUES;

-- Every write is counted and told, also one by hand: readers look again.
CREATE FUNCTION @schema@.policy_edited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE @schema@.policy_edit SET edits = edits + 1;
	PERFORM pg_notify('@schema@_policy', '');
	RETURN NULL;
END $$;
CREATE TRIGGER policy_edited AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @schema@.policy_version
	FOR EACH STATEMENT EXECUTE FUNCTION @schema@.policy_edited();
CREATE TRIGGER policy_edited AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @schema@.policy_row
	FOR EACH STATEMENT EXECUTE FUNCTION @schema@.policy_edited();

-- Once there are versions, chain.policy is set to nothing but the newest one's
-- digest. A slip of the hand there would stop every commit, and an empty text
-- would let stale decisions pass.
CREATE FUNCTION @schema@.policy_pointed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	newest text := (SELECT digest FROM @schema@.policy_version ORDER BY number DESC LIMIT 1);
BEGIN
	IF newest IS NOT NULL AND NEW.policy IS DISTINCT FROM newest THEN
		RAISE EXCEPTION 'chain.policy is the digest of the newest version and is not edited'
			USING HINT = 'The policy is changed by a ticket of the kind interlock.policy.change.';
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER policy_pointed BEFORE UPDATE OF policy ON @schema@.chain
	FOR EACH ROW EXECUTE FUNCTION @schema@.policy_pointed();
