-- The place of the relay's step, which is written elsewhere.
SELECT 1;
