CREATE TABLE purchase_order (id INTEGER PRIMARY KEY, number TEXT, supplier TEXT, status TEXT NOT NULL DEFAULT 'draft',
    cancelled TEXT, received INTEGER);
