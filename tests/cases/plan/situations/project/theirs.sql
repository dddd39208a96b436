CREATE TABLE supplier (id INTEGER PRIMARY KEY, code TEXT, name TEXT, phone TEXT, number TEXT, status TEXT);
