"""Limits that several servers on one PostgreSQL share, and word of what changed the catalogue.

SQLite needs neither: the servers of one file are on one machine, and there is no replica.
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make them on PostgreSQL."""
    if op.get_bind().dialect.name == "postgresql":
        _tell_of_the_catalogue()
        _count_requests()


def _tell_of_the_catalogue() -> None:
    """Say, too, whether what happened changed the catalogue: replicas are read for that."""
    op.execute("""
        CREATE OR REPLACE FUNCTION event_is_told() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN
            PERFORM pg_notify('bvinv', TG_RELID::text);
            IF EXISTS (
                SELECT FROM told WHERE starts_with(type, 'product.') OR starts_with(type, 'price.')
                    OR starts_with(type, 'category.') OR starts_with(type, 'barcode.')
            ) THEN
                PERFORM pg_notify('bvinv', TG_RELID::text || ' catalogue');
            END IF;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE OR REPLACE TRIGGER event_is_told AFTER INSERT ON event
        REFERENCING NEW TABLE AS told
        FOR EACH STATEMENT EXECUTE FUNCTION event_is_told()
    """)


def _count_requests() -> None:
    """Make the rings that `web.limits` describes. Unlogged: a crash forgets them, and nobody
    waits for the disk. What is updated fits beside what it replaces, and no index is touched."""
    op.execute("""
        CREATE UNLOGGED TABLE rate_ring (
            key text COLLATE "C" PRIMARY KEY,
            count bigint NOT NULL,
            until double precision NOT NULL
        ) WITH (fillfactor = 50)
    """)
    op.execute("CREATE INDEX rate_ring_until ON rate_ring (until)")
    op.execute("""
        CREATE UNLOGGED TABLE rate_hit (
            key text COLLATE "C" NOT NULL,
            place bigint NOT NULL,
            at double precision NOT NULL,
            PRIMARY KEY (key, place)
        ) WITH (fillfactor = 70)
    """)
    op.execute(_WAITS)
    op.execute(_SWEEP)


# One answer for each of the callers, in their order: 0 and the request is counted by each of the
# rules, or the seconds until it would be let in. Callers and rules have to be sorted: their rows
# are locked one after the other until the end. What a clock that was set back left in the future
# does not count; a refused request writes nothing.
_WAITS = """
    CREATE FUNCTION rate_waits(
        callers text[], rules text[], amounts bigint[], ages double precision[]
    ) RETURNS SETOF double precision LANGUAGE plpgsql AS
    $$ DECLARE
        caller text;
        counts bigint[];
        n bigint;
        last double precision;
        wait double precision;
        now_at double precision;
    BEGIN
        FOREACH caller IN ARRAY callers LOOP
            FOR i IN 1 .. cardinality(rules) LOOP
                LOOP
                    SELECT count INTO n FROM rate_ring WHERE key = rules[i] || caller FOR UPDATE;
                    EXIT WHEN FOUND;
                    INSERT INTO rate_ring VALUES (rules[i] || caller, 0, 0) ON CONFLICT DO NOTHING;
                END LOOP;
                counts[i] := n;
            END LOOP;
            now_at := extract(epoch FROM clock_timestamp());
            wait := 0;
            FOR i IN 1 .. cardinality(rules) LOOP
                SELECT at INTO last FROM rate_hit
                 WHERE key = rules[i] || caller AND place = mod(counts[i], amounts[i]);
                IF last > now_at - ages[i] AND last <= now_at + 1 THEN
                    wait := greatest(wait, last + ages[i] - now_at);
                END IF;
            END LOOP;
            FOR i IN 1 .. cardinality(rules) LOOP
                EXIT WHEN wait > 0;
                UPDATE rate_ring
                   SET count = counts[i] + 1,
                       until = CASE WHEN until >= now_at + ages[i] THEN until
                                    ELSE now_at + 2 * ages[i] + 60 END
                 WHERE key = rules[i] || caller;
                INSERT INTO rate_hit VALUES (rules[i] || caller, mod(counts[i], amounts[i]), now_at)
                    ON CONFLICT (key, place) DO UPDATE SET at = excluded.at;
            END LOOP;
            RETURN NEXT wait;
        END LOOP;
    END $$
"""

# Drops what has run out, so many requests at most; a ring when nothing is left in it.
_SWEEP = """
    CREATE FUNCTION rate_sweep(most bigint) RETURNS void LANGUAGE plpgsql AS
    $$ DECLARE
        ring text;
        gone bigint;
    BEGIN
        FOR ring IN
            SELECT key FROM rate_ring WHERE until < extract(epoch FROM now())
             LIMIT 500 FOR UPDATE SKIP LOCKED
        LOOP
            DELETE FROM rate_hit WHERE key = ring AND place IN (
                SELECT place FROM rate_hit WHERE key = ring LIMIT most
            );
            GET DIAGNOSTICS gone = ROW_COUNT;
            EXIT WHEN gone = most;
            DELETE FROM rate_ring WHERE key = ring;
            most := most - gone;
        END LOOP;
    END $$
"""
