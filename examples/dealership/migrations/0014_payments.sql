-- What became of a payment: who takes it, where its page is, and whether it was made.

ALTER TABLE payment_link ADD COLUMN state TEXT NOT NULL DEFAULT 'open'
    CHECK (state IN ('open', 'paid'));
ALTER TABLE payment_link ADD COLUMN provider TEXT;
-- The provider's name for it.
ALTER TABLE payment_link ADD COLUMN reference TEXT;
ALTER TABLE payment_link ADD COLUMN url TEXT;
ALTER TABLE payment_link ADD COLUMN url_until INTEGER;
ALTER TABLE payment_link ADD COLUMN paid_at INTEGER;
CREATE UNIQUE INDEX payment_link_reference ON payment_link (provider, reference);
