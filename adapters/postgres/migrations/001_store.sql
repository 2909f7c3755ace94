-- One row: the end of the chain of records. Whoever commits locks it, so that
-- all commits of this schema come one after the other. Its index leads to the
-- newest version at once, however many old ones an open snapshot (a dump) keeps
-- from being cleaned away.
CREATE TABLE @schema@.chain (
	seq    bigint NOT NULL DEFAULT 0 UNIQUE,           -- of the last record
	hash   bytea  NOT NULL DEFAULT '\x',               -- of the last record, and so of all before
	halted text   COLLATE "C" NOT NULL DEFAULT '',     -- why no further record is accepted; empty while it is
	policy text   COLLATE "C" NOT NULL DEFAULT ''      -- digest of the policy in force; empty where it is kept elsewhere
);
INSERT INTO @schema@.chain DEFAULT VALUES;

-- The records, in the order of their commits, each chained to the one before:
-- hash = SHA-256(hash before || SHA-256(body)).
CREATE TABLE @schema@.outbox (
	seq  bigint PRIMARY KEY,
	id   text   COLLATE "C" NOT NULL UNIQUE,
	sum  bytea  NOT NULL,          -- SHA-256 of the body
	hash bytea  NOT NULL,
	body bytea                     -- the record as JSON; NULL once it was relayed and pruned
);

-- The newest revision of each ticket. What is queried stands in columns; state
-- is the whole. Times are in UTC with nine decimals, which sort as text and lose
-- nothing.
CREATE TABLE @schema@.ticket (
	id        text    COLLATE "C" PRIMARY KEY,
	revision  bigint  NOT NULL,
	seq       bigint  NOT NULL,             -- of the record of this revision
	status    text    COLLATE "C" NOT NULL,
	actor     text    COLLATE "C" NOT NULL,
	key       text    COLLATE "C" NOT NULL,
	person    text    COLLATE "C" NOT NULL, -- the requester's
	target    text    COLLATE "C" NOT NULL,
	kind      text    COLLATE "C" NOT NULL,
	requested text    COLLATE "C" NOT NULL,
	due       text    COLLATE "C",
	mandate   text    COLLATE "C" NOT NULL,
	owes      boolean NOT NULL,
	busy      boolean NOT NULL,             -- keeps others from its target
	stands    boolean NOT NULL,             -- imposes something on its target
	executed  text    COLLATE "C" NOT NULL,
	fence     bigint  NOT NULL,
	subject   bytea   NOT NULL,             -- sum of its Subject, to tell a new look from an old one
	state     bytea   NOT NULL,             -- the ticket as JSON
	UNIQUE (actor, key)
);
CREATE INDEX ticket_requested  ON @schema@.ticket (requested, id);
CREATE INDEX ticket_target     ON @schema@.ticket (target, requested, id);
CREATE INDEX ticket_due        ON @schema@.ticket (due, requested, id) WHERE due IS NOT NULL;
CREATE INDEX ticket_unfinished ON @schema@.ticket (requested, id) WHERE status IN ('pending', 'held', 'executing', 'unknown');
CREATE INDEX ticket_mandate    ON @schema@.ticket (mandate, requested, id) WHERE mandate <> '';
CREATE INDEX ticket_busy       ON @schema@.ticket (target) WHERE busy;
CREATE INDEX ticket_stands     ON @schema@.ticket (target, executed, fence, id) WHERE stands;
CREATE INDEX ticket_owes       ON @schema@.ticket (person) WHERE owes;

-- Who took part in which ticket: its requester and its reviewers.
CREATE TABLE @schema@.involved (
	person    text COLLATE "C" NOT NULL,
	requested text COLLATE "C" NOT NULL,    -- when the ticket was
	ticket    text COLLATE "C" NOT NULL,
	PRIMARY KEY (person, requested, ticket)
);

-- How each target stands.
CREATE TABLE @schema@.head (
	target    text   COLLATE "C" PRIMARY KEY,
	fence     bigint NOT NULL,
	tier      text   COLLATE "C" NOT NULL,
	tier_seen text   COLLATE "C" NOT NULL,
	last      text   COLLATE "C" NOT NULL,  -- the ticket last rejected or undone
	last_over text   COLLATE "C"
);

-- commit_1 makes changes that don't touch each other, each all or nothing, and
-- answers for each: empty where the records have it now, else why not. It is
-- the whole of a commit's work, so that the lock on the chain's end is held
-- only while the server works and flushes, never while a client does anything.
-- The number in its name lets a later version of this package have another.
CREATE FUNCTION @schema@.commit_1(
	record_id text[], record_sum bytea[], record_body bytea[], record_policy text[],
	ticket_change integer[], ticket_id text[], ticket_revision bigint[], ticket_status text[],
	ticket_actor text[], ticket_key text[], ticket_person text[], ticket_target text[], ticket_kind text[],
	ticket_requested text[], ticket_due text[], ticket_mandate text[],
	ticket_owes boolean[], ticket_busy boolean[], ticket_stands boolean[], ticket_undoes text[],
	ticket_executed text[], ticket_fence bigint[], ticket_over text[], ticket_tier text[], ticket_tier_seen text[],
	ticket_subject bytea[], ticket_state bytea[],
	person_change integer[], person_name text[], person_requested text[], person_ticket text[],
	head_change integer[], head_target text[], head_fence bigint[],
	same_change integer[], same_ticket text[], same_revision bigint[],
	OUT why_halted text, OUT answers text[]
) LANGUAGE plpgsql
-- One plan for ever, by the indexes, whatever the statistics say of tables that
-- were small a moment ago.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
SET lock_timeout = '4s'
AS $$
DECLARE
	chain_seq bigint; chain_hash bytea; chain_policy text; chain_before bigint;
	seqs bigint[]; hashes bytea[]; broken record;
BEGIN
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'interlock: commits need the isolation level read committed' USING ERRCODE = 'invalid_transaction_state';
	END IF;
	IF current_setting('synchronous_commit') = 'off' OR current_setting('fsync') = 'off' THEN
		RAISE EXCEPTION 'interlock: commits would not be durable: synchronous_commit or fsync is off' USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	SELECT c.seq, c.hash, c.halted, c.policy INTO STRICT chain_seq, chain_hash, why_halted, chain_policy
	FROM @schema@.chain c ORDER BY c.seq DESC LIMIT 1 FOR UPDATE;
	answers := array_fill(''::text, ARRAY[cardinality(record_id)]);
	IF why_halted <> '' THEN
		RETURN;
	END IF;
	chain_before := chain_seq;
	seqs := array_fill(NULL::bigint, ARRAY[cardinality(record_id)]);
	hashes := array_fill(NULL::bytea, ARRAY[cardinality(record_id)]);

	FOR broken IN
		SELECT t.change AS n, format('ticket %s is at revision %s, not before %s', t.id, coalesce(x.revision, 0), t.revision) AS why, false AS has
		FROM unnest(ticket_change, ticket_id, ticket_revision) AS t(change, id, revision) LEFT JOIN @schema@.ticket x ON x.id = t.id
		WHERE coalesce(x.revision, 0) <> t.revision - 1
	UNION ALL
		SELECT t.change, format('the key is ticket %s''s', x.id), false
		FROM unnest(ticket_change, ticket_id, ticket_actor, ticket_key) AS t(change, id, actor, key) JOIN @schema@.ticket x ON x.actor = t.actor AND x.key = t.key
		WHERE x.id <> t.id
	UNION ALL
		SELECT t.change, format('ticket %s is at work on %s', x.id, x.target), false
		FROM unnest(ticket_change, ticket_id, ticket_target, ticket_busy, ticket_undoes) AS t(change, id, target, busy, undoes) JOIN @schema@.ticket x ON x.target = t.target AND x.busy
		WHERE t.busy AND x.id <> t.id AND x.id <> t.undoes
			AND NOT EXISTS (SELECT FROM unnest(ticket_change, ticket_id) AS s(change, id) WHERE s.change = t.change AND s.id = x.id)
	UNION ALL
		SELECT t.change, format('%s owes for the bypass of ticket %s', x.person, x.id), false
		FROM unnest(ticket_change, ticket_id, ticket_person, ticket_owes) AS t(change, id, person, owes) JOIN @schema@.ticket x ON x.person = t.person AND x.owes
		WHERE t.owes AND x.id <> t.id
			AND NOT EXISTS (SELECT FROM unnest(ticket_change, ticket_id) AS s(change, id) WHERE s.change = t.change AND s.id = x.id)
	UNION ALL
		SELECT s.change, format('ticket %s moved on', s.id), false
		FROM unnest(same_change, same_ticket, same_revision) AS s(change, id, revision) LEFT JOIN @schema@.ticket x ON x.id = s.id
		WHERE coalesce(x.revision, 0) <> s.revision
	UNION ALL
		SELECT s.change, format('the head of %s moved', s.target), false
		FROM unnest(head_change, head_target, head_fence) AS s(change, target, fence) LEFT JOIN @schema@.head h ON h.target = s.target
		WHERE coalesce(h.fence, 0) <> s.fence
	UNION ALL
		SELECT r.n::integer, 'another version of the policy is in force', false
		FROM unnest(record_policy) WITH ORDINALITY AS r(policy, n)
		WHERE chain_policy <> '' AND r.policy <> '' AND r.policy <> chain_policy
	UNION ALL
		SELECT r.n::integer, CASE WHEN o.sum = r.sum THEN '=' ELSE format('record %s exists with another body', r.id) END, true
		FROM unnest(record_id, record_sum) WITH ORDINALITY AS r(id, sum, n) JOIN @schema@.outbox o ON o.id = r.id
	LOOP
		-- Whether the record is there already comes before all else.
		IF broken.has OR answers[broken.n] = '' THEN
			answers[broken.n] := broken.why;
		END IF;
	END LOOP;

	FOR i IN 1 .. cardinality(record_id) LOOP
		IF answers[i] = '' THEN
			chain_seq := chain_seq + 1;
			chain_hash := sha256(chain_hash || record_sum[i]);
			seqs[i] := chain_seq;
			hashes[i] := chain_hash;
		END IF;
	END LOOP;
	answers := array_replace(answers, '=', '');
	IF chain_seq = chain_before THEN
		RETURN;
	END IF;
	UPDATE @schema@.chain c SET seq = chain_seq, hash = chain_hash WHERE c.seq = chain_before;

	INSERT INTO @schema@.outbox (seq, id, sum, hash, body)
	SELECT r.seq, r.id, r.sum, r.hash, r.body FROM unnest(seqs, record_id, record_sum, hashes, record_body) AS r(seq, id, sum, hash, body)
	WHERE r.seq IS NOT NULL;

	-- Of two looks at one moment the later counts; a revision that leaves its
	-- ticket's subject as it was is no look. What is said of a ticket after its
	-- end does not make it the last one again.
	INSERT INTO @schema@.head AS h (target, fence, tier, tier_seen, last, last_over)
	SELECT n.target, max(n.fence),
		coalesce((array_agg(n.tier ORDER BY n.tier_seen DESC, n.i DESC) FILTER (WHERE n.look))[1], ''),
		coalesce(max(n.tier_seen) FILTER (WHERE n.look), ''),
		coalesce((array_agg(n.id ORDER BY n.over DESC, n.i DESC) FILTER (WHERE n.over IS NOT NULL))[1], ''),
		max(n.over)
	FROM (
		SELECT t.*, x.subject IS DISTINCT FROM t.subject AS look
		FROM unnest(ticket_change, ticket_id, ticket_target, ticket_fence, ticket_tier, ticket_tier_seen, ticket_over, ticket_subject)
			WITH ORDINALITY AS t(change, id, target, fence, tier, tier_seen, over, subject, i)
		LEFT JOIN @schema@.ticket x ON x.id = t.id
		WHERE seqs[t.change] IS NOT NULL
	) n GROUP BY n.target
	ON CONFLICT (target) DO UPDATE SET
		fence = greatest(h.fence, excluded.fence),
		tier = CASE WHEN excluded.tier_seen >= h.tier_seen THEN excluded.tier ELSE h.tier END,
		tier_seen = greatest(h.tier_seen, excluded.tier_seen),
		last = CASE WHEN excluded.last <> '' AND (h.last IN ('', excluded.last) OR excluded.last_over >= h.last_over) THEN excluded.last ELSE h.last END,
		last_over = CASE WHEN excluded.last <> '' AND (h.last IN ('', excluded.last) OR excluded.last_over >= h.last_over) THEN excluded.last_over ELSE h.last_over END
	WHERE excluded.fence > h.fence OR excluded.last <> ''
		OR excluded.tier_seen >= h.tier_seen AND (excluded.tier, excluded.tier_seen) <> (h.tier, h.tier_seen);

	INSERT INTO @schema@.ticket (id, revision, seq, status, actor, key, person, target, kind, requested, due, mandate, owes, busy, stands, executed, fence, subject, state)
	SELECT t.id, t.revision, seqs[t.change], t.status, t.actor, t.key, t.person, t.target, t.kind, t.requested, t.due, t.mandate, t.owes, t.busy, t.stands, t.executed, t.fence, t.subject, t.state
	FROM unnest(ticket_change, ticket_id, ticket_revision, ticket_status, ticket_actor, ticket_key, ticket_person, ticket_target, ticket_kind,
		ticket_requested, ticket_due, ticket_mandate, ticket_owes, ticket_busy, ticket_stands, ticket_executed, ticket_fence, ticket_subject, ticket_state)
		AS t(change, id, revision, status, actor, key, person, target, kind, requested, due, mandate, owes, busy, stands, executed, fence, subject, state)
	WHERE seqs[t.change] IS NOT NULL
	ON CONFLICT (id) DO UPDATE SET
		revision = excluded.revision, seq = excluded.seq, status = excluded.status, actor = excluded.actor, key = excluded.key, person = excluded.person,
		target = excluded.target, kind = excluded.kind, requested = excluded.requested, due = excluded.due, mandate = excluded.mandate, owes = excluded.owes,
		busy = excluded.busy, stands = excluded.stands, executed = excluded.executed, fence = excluded.fence, subject = excluded.subject, state = excluded.state;

	INSERT INTO @schema@.involved (person, requested, ticket)
	SELECT p.name, p.requested, p.ticket FROM unnest(person_change, person_name, person_requested, person_ticket) AS p(change, name, requested, ticket)
	WHERE seqs[p.change] IS NOT NULL
	ON CONFLICT DO NOTHING;
END
$$;
