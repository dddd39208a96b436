CREATE TABLE supplier (id INTEGER PRIMARY KEY, code TEXT, name TEXT, phone TEXT, fax TEXT, unit TEXT, credit TEXT);

-- The OA keeps whole amounts, whatever it is given.
CREATE TRIGGER rounded_when_made AFTER INSERT ON supplier WHEN NEW.credit IS NOT NULL
BEGIN UPDATE supplier SET credit = printf('%.2f', round(NEW.credit)) WHERE id = NEW.id; END;
CREATE TRIGGER rounded_when_changed AFTER UPDATE ON supplier WHEN NEW.credit IS NOT NULL
BEGIN UPDATE supplier SET credit = printf('%.2f', round(NEW.credit)) WHERE id = NEW.id; END;
