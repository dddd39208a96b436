CREATE TABLE supplier (code TEXT, name TEXT, phone TEXT, number INTEGER);
