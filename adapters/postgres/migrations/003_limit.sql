-- One row, durable: the epoch of the buckets. It grows each time when they were
-- lost. Whoever restores a dump adds 1 to say that they are not to be believed.
CREATE TABLE @schema@.limit_epoch (
	one   boolean PRIMARY KEY DEFAULT true CHECK (one),
	epoch bigint NOT NULL DEFAULT 1
);
INSERT INTO @schema@.limit_epoch DEFAULT VALUES;

-- The buckets, a row for each meter and whom it counts for. The row with the
-- empty meter is no bucket: it stands for all of them, and where it is missing,
-- or of another epoch, the buckets were lost. Its at is when a full bucket was
-- last forgotten, and lost since when buckets that are not there fill from empty;
-- NULL where they are full. Moments are nanoseconds since 1970.
CREATE UNLOGGED TABLE @schema@.bucket (
	meter   text COLLATE "C" NOT NULL,
	value   text COLLATE "C" NOT NULL,
	at      bigint   NOT NULL DEFAULT 0,    -- of the last draw; never goes back
	opened  bigint   NOT NULL DEFAULT 0,    -- unfinished tickets, where these are counted
	amounts bigint[] NOT NULL DEFAULT '{}', -- of the limits by which it was drawn last
	windows bigint[] NOT NULL DEFAULT '{}', -- in nanoseconds
	held    float8[] NOT NULL DEFAULT '{}', -- for each of them, after the last draw
	epoch   bigint,
	lost    bigint,
	PRIMARY KEY (meter, value)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.5);
INSERT INTO @schema@.bucket (meter, value, epoch) VALUES ('', '', 1);

-- What was charged lately, so that a ticket is charged once. What is lost or
-- forgotten is paid again.
CREATE UNLOGGED TABLE @schema@.charged (
	ticket text COLLATE "C" NOT NULL,
	what   text COLLATE "C" NOT NULL, -- moment and step, and the person of a rejection
	payer  bytea  NOT NULL,           -- sum of what may not differ
	at     bigint NOT NULL,
	PRIMARY KEY (ticket, what)
);
CREATE INDEX charged_at ON @schema@.charged (at);

-- The meters of unfinished tickets. All tickets are counted on all of them,
-- also by a replica whose policy has a meter no more, or not yet.
CREATE TABLE @schema@.open_meter (
	meter  text COLLATE "C" PRIMARY KEY,
	step   text NOT NULL,
	per    text NOT NULL,
	kind   text NOT NULL, -- patterns
	tier   text NOT NULL,
	domain text NOT NULL
);

-- The unfinished tickets, with what limits go by and where each is counted. It is
-- durable, for nothing else brings these counts back.
CREATE TABLE @schema@.open_ticket (
	ticket text COLLATE "C" PRIMARY KEY,
	step   text NOT NULL,
	person text NOT NULL,
	actor  text NOT NULL,
	kind   text NOT NULL,
	target text NOT NULL,
	tier   text NOT NULL,
	domain text NOT NULL,
	part   text NOT NULL,   -- empty, batch or member
	at     bigint NOT NULL, -- when it was charged
	meters text[] COLLATE "C" NOT NULL,
	vals   text[] COLLATE "C" NOT NULL
);

CREATE FUNCTION @schema@.limit_clock_1(moment bigint) RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(moment, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000)
$$;

CREATE FUNCTION @schema@.limit_seconds_1(span bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT (span / 1000000000)::float8 + (span % 1000000000)::float8 / 1e9::float8
$$;

-- What there is when some time has passed; nothing where there was more than
-- there can be, which NaN is too: nobody writes such a bucket.
CREATE FUNCTION @schema@.limit_after_1(level float8, amount float8, rate float8, elapsed bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN level > amount THEN 0 WHEN elapsed <= 0 THEN level
		ELSE least(level + @schema@.limit_seconds_1(elapsed) * rate, amount) END
$$;

-- What a bucket that was drawn last by other rates (old) holds for the i-th of
-- the rates in force: as package policy reckons, where it says why.
CREATE FUNCTION @schema@.limit_carried_1(old @schema@.bucket, amounts bigint[], windows bigint[], i int, elapsed bigint) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	amount float8 := amounts[i];
	rate   float8 := amount / @schema@.limit_seconds_1(windows[i]);
	gone   boolean[];
	taken  boolean[];
	drawn  float8;
	least_left float8 := amount;
BEGIN
	IF cardinality(old.amounts) = 0 OR cardinality(old.amounts) <> cardinality(old.held) THEN
		RETURN 0; -- nobody writes such a bucket
	END IF;
	FOR j IN 1 .. cardinality(old.amounts) LOOP
		IF old.amounts[j] = amounts[i] AND old.windows[j] = windows[i] THEN
			RETURN @schema@.limit_after_1(old.held[j], amount, rate, elapsed);
		END IF;
		gone[j] := true;
		FOR k IN 1 .. cardinality(amounts) LOOP
			IF old.amounts[j] = amounts[k] AND old.windows[j] = windows[k] THEN
				gone[j] := false;
			END IF;
		END LOOP;
	END LOOP;
	FOR j IN 1 .. cardinality(old.amounts) LOOP
		taken[j] := gone[j] AND old.windows[j] = windows[i];
	END LOOP;
	IF NOT (true = ANY (taken)) THEN
		taken := gone;
	END IF;
	FOR j IN 1 .. cardinality(old.amounts) LOOP
		drawn := old.amounts[j]::float8 - old.held[j];
		IF NOT (true = ANY (taken)) THEN
			drawn := least(drawn, amount);
		ELSIF NOT taken[j] THEN
			CONTINUE;
		END IF;
		least_left := least(least_left, @schema@.limit_after_1(amount - drawn, amount,
			least(old.amounts[j]::float8 / @schema@.limit_seconds_1(old.windows[j]), rate), elapsed));
	END LOOP;
	RETURN least_left;
END
$$;

-- What a bucket holds for the i-th of the rates in force.
CREATE FUNCTION @schema@.limit_level_1(b @schema@.bucket, amounts bigint[], windows bigint[], i int, elapsed bigint) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF b.amounts = amounts AND b.windows = windows THEN
		RETURN @schema@.limit_after_1(b.held[i], amounts[i]::float8, amounts[i]::float8 / @schema@.limit_seconds_1(windows[i]), elapsed);
	END IF;
	RETURN @schema@.limit_carried_1(b, amounts, windows, i, elapsed);
END
$$;

-- A bucket that is not there: full, or filling since the buckets were lost.
CREATE FUNCTION @schema@.limit_absent_1(mark @schema@.bucket, name text, whom text, amounts bigint[], windows bigint[]) RETURNS @schema@.bucket LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	b @schema@.bucket;
BEGIN
	b.meter := name; b.value := whom; b.opened := 0;
	b.amounts := amounts; b.windows := windows; b.held := amounts::float8[];
	b.at := mark.at;
	IF mark.lost IS NOT NULL THEN
		b.at := greatest(mark.at, mark.lost);
		FOR i IN 1 .. cardinality(amounts) LOOP
			b.held[i] := @schema@.limit_after_1(0, amounts[i]::float8, amounts[i]::float8 / @schema@.limit_seconds_1(windows[i]), b.at - mark.lost);
		END LOOP;
	END IF;
	RETURN b;
END
$$;

-- Whom a meter counts a ticket for; NULL where it does not.
CREATE FUNCTION @schema@.limit_touches_1(pattern text, name text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
	SELECT pattern = '*' OR name = '*' OR name = pattern OR right(pattern, 1) = '*' AND starts_with(name, left(pattern, -1))
$$;
CREATE FUNCTION @schema@.limit_value_1(m @schema@.open_meter, t @schema@.open_ticket) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE
		WHEN m.step <> t.step THEN NULL
		WHEN t.part = 'batch' AND m.per = 'target' OR t.part = 'member' AND m.per <> 'target' THEN NULL
		WHEN NOT (@schema@.limit_touches_1(m.kind, t.kind) AND @schema@.limit_touches_1(m.tier, t.tier) AND @schema@.limit_touches_1(m.domain, t.domain)) THEN NULL
		WHEN m.per = 'all' THEN ''
		ELSE nullif(CASE m.per WHEN 'person' THEN t.person WHEN 'actor' THEN t.actor WHEN 'target' THEN t.target
			WHEN 'kind' THEN t.kind WHEN 'tier' THEN t.tier WHEN 'domain' THEN t.domain END, '')
	END
$$;
CREATE FUNCTION @schema@.limit_is_counted_1(t @schema@.open_ticket, name text, whom text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
	SELECT EXISTS (SELECT FROM unnest(t.meters, t.vals) AS c (meter, value) WHERE c.meter = name AND c.value = whom)
$$;

-- Charges, or with take false tells what charging would come to. It returns the
-- buckets as they were, by place, and then a row of place 0 with the verdict:
--   allowed  it was charged
--   refused  it was not
--   again    it was charged before
--   other    its ticket was charged for somebody else
--   lost     the buckets are lost; call limit_restart_1
--   register a meter of open tickets is new; call limit_register_1
--   swept    a bucket went away meanwhile; ask again
-- Buckets are in the order of meter and value. Limits of the i-th are first[i] to
-- last[i] of the arrays after that; ranks are their places in the policy's order.
-- Slots are lines of text. Facts are the columns of open_ticket up to part.
CREATE FUNCTION @schema@.limit_charge_1(
	take boolean, moment bigint, p_what text, p_payer bytea, opens boolean, facts text[],
	names text[], whom text[], opened_meters text[], wants bigint[], first int[], last int[],
	all_amounts bigint[], all_windows bigint[], slots text[], ranks int[], approved text[]
) RETURNS TABLE (place int, verdict text, now bigint, at bigint, opened bigint, amounts bigint[], windows bigint[], held float8[], counted boolean)
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
	n       int := cardinality(names);
	p_ticket @schema@.open_ticket;
	mark    @schema@.bucket;
	b       @schema@.bucket;
	states  @schema@.bucket[];
	ticket  @schema@.open_ticket;
	m       @schema@.open_meter;
	payer   bytea;
	t       bigint;
	known   boolean := false;
	isopen  boolean;
	extra_names text[];
	extra_whom  text[];
	lock_names  text[] := names;
	lock_whom   text[] := whom;
	lock_place  bigint[];
	p       int;
	ra      bigint[];
	rw      bigint[];
	level   float8[];
	remains bigint[];
	over    boolean[];
	spared  boolean[];
	want    bigint[] := wants;
	blocked boolean := false;
	short   boolean := false;
	approvals text[] := approved;
	rest    text[];
	slot    text;
	nth     int;
	amount  bigint;
	new_held float8[];
	drawn   boolean;
BEGIN
	p_ticket.ticket := facts[1]; p_ticket.step := facts[2]; p_ticket.person := facts[3]; p_ticket.actor := facts[4]; p_ticket.kind := facts[5];
	p_ticket.target := facts[6]; p_ticket.tier := facts[7]; p_ticket.domain := facts[8]; p_ticket.part := facts[9];
	IF take THEN
		LOCK TABLE @schema@.bucket IN ROW EXCLUSIVE MODE; -- limit_restart_1 and limit_register_1 wait, and are waited for
		IF p_what IS NOT NULL THEN
			PERFORM pg_advisory_xact_lock(hashtextextended(p_ticket.ticket, 7233172));
		END IF;
	END IF;
	SELECT m.* INTO mark FROM @schema@.bucket m, @schema@.limit_epoch e WHERE m.meter = '' AND m.value = '' AND m.epoch = e.epoch;
	IF NOT FOUND THEN
		RETURN QUERY SELECT 0, 'lost', 0::bigint, 0::bigint, 0::bigint, NULL::bigint[], NULL::bigint[], NULL::float8[], false;
		RETURN;
	END IF;
	IF cardinality(opened_meters) > 0 THEN -- apart, since plpgsql is quick only where an expression has no query
		IF (SELECT count(*) FROM @schema@.open_meter m WHERE m.meter = ANY (opened_meters)) < cardinality(opened_meters) THEN
			RETURN QUERY SELECT 0, 'register', 0::bigint, 0::bigint, 0::bigint, NULL::bigint[], NULL::bigint[], NULL::float8[], false;
			RETURN;
		END IF;
	END IF;

	IF p_what IS NOT NULL THEN
		SELECT c.payer INTO payer FROM @schema@.charged c WHERE c.ticket = p_ticket.ticket AND c.what = p_what;
		known := FOUND;
		IF known AND payer <> p_payer THEN
			RETURN QUERY SELECT 0, 'other', 0::bigint, 0::bigint, 0::bigint, NULL::bigint[], NULL::bigint[], NULL::float8[], false;
			RETURN;
		END IF;
	END IF;
	IF opens AND NOT known THEN
		SELECT o.* INTO ticket FROM @schema@.open_ticket o WHERE o.ticket = p_ticket.ticket;
		IF take AND NOT FOUND THEN -- a ticket that is there is counted
			FOR m IN SELECT x.* FROM @schema@.open_meter x WHERE x.step = p_ticket.step AND x.meter <> ALL (names) LOOP
				slot := @schema@.limit_value_1(m, p_ticket);
				IF slot IS NOT NULL THEN
					extra_names := extra_names || m.meter;
					extra_whom := extra_whom || slot;
				END IF;
			END LOOP;
			IF extra_names IS NOT NULL THEN
				SELECT array_agg(q.m ORDER BY q.m COLLATE "C", q.v COLLATE "C"), array_agg(q.v ORDER BY q.m COLLATE "C", q.v COLLATE "C"), array_agg(q.i ORDER BY q.m COLLATE "C", q.v COLLATE "C")
					INTO lock_names, lock_whom, lock_place
					FROM (SELECT x.m, x.v, x.i FROM unnest(names, whom) WITH ORDINALITY AS x (m, v, i) UNION ALL SELECT y.m, y.v, 0 FROM unnest(extra_names, extra_whom) AS y (m, v)) q;
			END IF;
		END IF;
	END IF;

	FOR i IN 1 .. cardinality(lock_names) LOOP
		p := coalesce(lock_place[i], i);
		IF p > 0 THEN
			ra := all_amounts[first[p] : last[p]]; rw := all_windows[first[p] : last[p]];
		ELSE
			ra := '{}'; rw := '{}';
		END IF;
		IF take AND NOT known THEN
			SELECT x.* INTO b FROM @schema@.bucket x WHERE x.meter = lock_names[i] AND x.value = lock_whom[i] FOR UPDATE;
			IF NOT FOUND THEN
				SELECT m.* INTO mark FROM @schema@.bucket m WHERE m.meter = '' AND m.value = ''; -- a sweep may have been at it
				IF lock_names[i] = ANY (opened_meters) THEN
					ra := '{}'; rw := '{}';
				END IF;
				b := @schema@.limit_absent_1(mark, lock_names[i], lock_whom[i], ra, rw);
				INSERT INTO @schema@.bucket (meter, value, at, amounts, windows, held)
					VALUES (b.meter, b.value, b.at, b.amounts, b.windows, b.held) ON CONFLICT DO NOTHING;
				IF NOT FOUND THEN
					SELECT x.* INTO b FROM @schema@.bucket x WHERE x.meter = lock_names[i] AND x.value = lock_whom[i] FOR UPDATE;
					IF NOT FOUND THEN
						RETURN QUERY SELECT 0, 'swept', 0::bigint, 0::bigint, 0::bigint, NULL::bigint[], NULL::bigint[], NULL::float8[], false;
						RETURN;
					END IF;
				END IF;
			END IF;
		ELSE
			SELECT x.* INTO b FROM @schema@.bucket x WHERE x.meter = lock_names[i] AND x.value = lock_whom[i];
			IF NOT FOUND THEN
				b := @schema@.limit_absent_1(mark, lock_names[i], lock_whom[i], ra, rw);
			END IF;
		END IF;
		IF p > 0 THEN
			states[p] := b;
		END IF;
	END LOOP;
	t := @schema@.limit_clock_1(moment); -- behind all waits

	FOR i IN 1 .. n LOOP
		b := states[i];
		isopen := names[i] = ANY (opened_meters);
		place := i; verdict := ''; now := t; at := b.at; opened := b.opened;
		amounts := b.amounts; windows := b.windows; held := b.held;
		counted := known;
		IF isopen AND ticket.ticket IS NOT NULL THEN
			counted := known OR @schema@.limit_is_counted_1(ticket, names[i], whom[i]);
		END IF;
		IF counted THEN
			want[i] := 0;
		END IF;
		RETURN NEXT;
		IF NOT isopen THEN
			ra := all_amounts[first[i] : last[i]]; rw := all_windows[first[i] : last[i]];
		END IF;
		FOR j IN first[i] .. last[i] LOOP
			IF isopen THEN
				remains[j] := all_amounts[j] - b.opened;
			ELSE
				level[j] := @schema@.limit_level_1(b, ra, rw, j - first[i] + 1, t - b.at);
				remains[j] := floor(level[j])::bigint;
			END IF;
			over[j] := want[i] > greatest(remains[j], 0);
			spared[j] := false;
			short := short OR over[j];
		END LOOP;
	END LOOP;

	IF short THEN -- approvals let limits pass whose slots are all among them, each for one limit
		FOREACH nth IN ARRAY ranks LOOP
			CONTINUE WHEN NOT over[nth];
			rest := approvals;
			IF slots[nth] = '' THEN
				rest := NULL;
			ELSE
				FOREACH slot IN ARRAY string_to_array(slots[nth], E'\n') LOOP
					p := array_position(rest, slot);
					IF p IS NULL THEN
						rest := NULL;
						EXIT;
					END IF;
					rest := rest[: p - 1] || rest[p + 1 :];
				END LOOP;
			END IF;
			IF rest IS NULL THEN
				blocked := true;
			ELSE
				spared[nth] := true;
				approvals := rest;
			END IF;
		END LOOP;
	END IF;

	IF take AND NOT known AND NOT blocked THEN
		FOR i IN 1 .. n LOOP
			CONTINUE WHEN want[i] = 0;
			b := states[i];
			IF names[i] = ANY (opened_meters) THEN
				UPDATE @schema@.bucket x SET opened = x.opened + 1 WHERE x.meter = names[i] AND x.value = whom[i];
				CONTINUE;
			END IF;
			new_held := '{}';
			drawn := false;
			FOR j IN first[i] .. last[i] LOOP
				amount := want[i];
				IF spared[j] THEN
					amount := least(amount, greatest(remains[j], 0));
				END IF;
				drawn := drawn OR amount > 0;
				new_held := new_held || (level[j] - amount::float8);
			END LOOP;
			IF drawn THEN
				UPDATE @schema@.bucket x SET at = greatest(t, b.at), amounts = all_amounts[first[i] : last[i]], windows = all_windows[first[i] : last[i]], held = new_held
					WHERE x.meter = names[i] AND x.value = whom[i];
			END IF;
		END LOOP;
		IF opens THEN
			-- Neither the buckets nor this need a sync: whoever commits the ticket
			-- in this server syncs what was written before.
			PERFORM set_config('synchronous_commit', 'off', true);
			FOR i IN 1 .. coalesce(cardinality(extra_names), 0) LOOP
				UPDATE @schema@.bucket x SET opened = x.opened + 1 WHERE x.meter = extra_names[i] AND x.value = extra_whom[i];
			END LOOP;
			FOR i IN 1 .. n LOOP
				IF want[i] > 0 AND names[i] = ANY (opened_meters) THEN
					extra_names := extra_names || names[i];
					extra_whom := extra_whom || whom[i];
				END IF;
			END LOOP;
			INSERT INTO @schema@.open_ticket AS o VALUES (p_ticket.ticket, p_ticket.step, p_ticket.person, p_ticket.actor, p_ticket.kind,
					p_ticket.target, p_ticket.tier, p_ticket.domain, p_ticket.part, t, coalesce(extra_names, '{}'), coalesce(extra_whom, '{}'))
				ON CONFLICT (ticket) DO UPDATE SET meters = o.meters || excluded.meters, vals = o.vals || excluded.vals;
		END IF;
		IF p_what IS NOT NULL THEN
			INSERT INTO @schema@.charged VALUES (p_ticket.ticket, p_what, p_payer, t);
		END IF;
	END IF;
	place := 0; now := t; at := 0; opened := 0; amounts := NULL; windows := NULL; held := NULL; counted := false;
	verdict := CASE WHEN known THEN 'again' WHEN blocked THEN 'refused' ELSE 'allowed' END;
	RETURN NEXT;
END
$$;

-- Gives free what a ticket counted for; false where it counted for nothing. A
-- ticket's counts change only in limit_charge_1, which locks the ticket as well,
-- and in limit_register_1, which lets nobody else in.
CREATE FUNCTION @schema@.limit_release_1(p_ticket text) RETURNS boolean LANGUAGE plpgsql VOLATILE SET enable_seqscan = off SET jit = off AS $$
DECLARE
	ticket @schema@.open_ticket;
	c      record;
BEGIN
	LOCK TABLE @schema@.bucket IN ROW EXCLUSIVE MODE;
	PERFORM pg_advisory_xact_lock(hashtextextended(p_ticket, 7233172));
	SELECT o.* INTO ticket FROM @schema@.open_ticket o WHERE o.ticket = p_ticket;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	FOR c IN SELECT x.meter, x.value FROM unnest(ticket.meters, ticket.vals) AS x (meter, value) ORDER BY x.meter COLLATE "C", x.value COLLATE "C" LOOP
		UPDATE @schema@.bucket b SET opened = b.opened - 1 WHERE b.meter = c.meter AND b.value = c.value AND b.opened > 0;
	END LOOP;
	PERFORM set_config('synchronous_commit', 'off', true);
	DELETE FROM @schema@.open_ticket o WHERE o.ticket = p_ticket;
	RETURN true;
END
$$;

-- Begins a new epoch where the buckets were lost: all of them are empty as of
-- now, but for the counts of unfinished tickets, which are durable.
CREATE FUNCTION @schema@.limit_restart_1(moment bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	t bigint;
	e bigint;
BEGIN
	LOCK TABLE @schema@.bucket IN EXCLUSIVE MODE;
	PERFORM FROM @schema@.bucket m, @schema@.limit_epoch x WHERE m.meter = '' AND m.value = '' AND m.epoch = x.epoch;
	IF FOUND THEN
		RETURN; -- another was faster
	END IF;
	t := @schema@.limit_clock_1(moment);
	UPDATE @schema@.limit_epoch x SET epoch = x.epoch + 1 RETURNING x.epoch INTO STRICT e;
	DELETE FROM @schema@.bucket;
	INSERT INTO @schema@.bucket (meter, value, at, epoch, lost) VALUES ('', '', t, e, t);
	INSERT INTO @schema@.bucket (meter, value, opened)
		SELECT c.meter, c.value, count(*) FROM @schema@.open_ticket o, unnest(o.meters, o.vals) AS c (meter, value) GROUP BY c.meter, c.value;
END
$$;

-- Makes meters of unfinished tickets known, and counts on those that are new the
-- tickets that are unfinished already.
CREATE FUNCTION @schema@.limit_register_1(names text[], steps text[], pers text[], kinds text[], tiers text[], domains text[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	m @schema@.open_meter;
BEGIN
	LOCK TABLE @schema@.bucket IN EXCLUSIVE MODE;
	FOR m IN SELECT * FROM unnest(names, steps, pers, kinds, tiers, domains) LOOP
		INSERT INTO @schema@.open_meter SELECT m.* ON CONFLICT DO NOTHING;
		CONTINUE WHEN NOT FOUND;
		UPDATE @schema@.open_ticket o SET meters = o.meters || m.meter, vals = o.vals || @schema@.limit_value_1(m, o)
			WHERE @schema@.limit_value_1(m, o) IS NOT NULL AND m.meter <> ALL (o.meters);
		DELETE FROM @schema@.bucket b WHERE b.meter = m.meter;
		INSERT INTO @schema@.bucket (meter, value, opened)
			SELECT c.meter, c.value, count(*) FROM @schema@.open_ticket o, unnest(o.meters, o.vals) AS c (meter, value) WHERE c.meter = m.meter GROUP BY c.meter, c.value;
	END LOOP;
END
$$;

-- Forgets what is full among the next buckets behind a place, and some of what
-- was charged before a moment. It waits for nobody. It returns where to go on,
-- or the empty meter at the end. Rates in force are those of names[i], from
-- first[i] to last[i].
CREATE FUNCTION @schema@.limit_sweep_1(moment bigint, remembered bigint, most int, INOUT after_meter text, INOUT after_value text,
	names text[], first int[], last int[], all_amounts bigint[], all_windows bigint[], OUT looked int, OUT forgot int
) LANGUAGE plpgsql VOLATILE SET enable_seqscan = off SET jit = off AS $$
DECLARE
	t     bigint := @schema@.limit_clock_1(moment);
	mark  @schema@.bucket;
	b     @schema@.bucket;
	swept bigint;
	i     int;
	ra    bigint[];
	rw    bigint[];
	isfull boolean;
BEGIN
	looked := 0; forgot := 0;
	LOCK TABLE @schema@.bucket IN ROW EXCLUSIVE MODE;
	SELECT m.* INTO mark FROM @schema@.bucket m WHERE m.meter = '' AND m.value = '' FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN; -- lost, or another is at it
	END IF;
	swept := mark.at;
	FOR b IN SELECT x.* FROM @schema@.bucket x WHERE (x.meter, x.value) > (after_meter, after_value)
		ORDER BY x.meter, x.value LIMIT most FOR UPDATE SKIP LOCKED
	LOOP
		looked := looked + 1;
		after_meter := b.meter; after_value := b.value;
		isfull := b.opened <= 0;
		ra := b.amounts; rw := b.windows;
		i := array_position(names, b.meter);
		IF i IS NOT NULL AND cardinality(b.amounts) > 0 THEN
			ra := all_amounts[first[i] : last[i]]; rw := all_windows[first[i] : last[i]];
		END IF;
		FOR j IN 1 .. cardinality(ra) LOOP
			isfull := isfull AND @schema@.limit_level_1(b, ra, rw, j, t - b.at) >= ra[j];
		END LOOP;
		IF isfull THEN
			DELETE FROM @schema@.bucket x WHERE x.meter = b.meter AND x.value = b.value;
			swept := greatest(swept, b.at, t);
			forgot := forgot + 1;
		END IF;
	END LOOP;
	IF looked < most THEN
		after_meter := ''; after_value := '';
	END IF;
	IF swept > mark.at THEN
		UPDATE @schema@.bucket m SET at = swept WHERE m.meter = '' AND m.value = '';
	END IF;
	DELETE FROM @schema@.charged c WHERE (c.ticket, c.what) IN
		(SELECT d.ticket, d.what FROM @schema@.charged d WHERE d.at < t - remembered ORDER BY d.at LIMIT most FOR UPDATE SKIP LOCKED);
END
$$;
