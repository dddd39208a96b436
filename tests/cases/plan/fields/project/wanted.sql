CREATE TABLE supplier (code TEXT, name TEXT, phone TEXT, fax TEXT, unit TEXT, credit TEXT);
