#!/bin/sh
# A guided run of erpoa on embedded data: sh demo.sh [DIRECTORY]
# ERPOA names the program (default: erpoa), PYTHON an interpreter for the demo's own data script.
set -eu

ERPOA=$(command -v -- "${ERPOA:-erpoa}") || { echo "erpoa is not on the PATH; name it in ERPOA" >&2; exit 1; }
if [ -z "${PYTHON:-}" ]; then
    PYTHON=$(dirname -- "$ERPOA")/python
    [ -x "$PYTHON" ] || PYTHON=python3
fi
unset ERPOA_ENV || :
directory=${1:-$(mktemp -d)/huaxin}

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
else bold='' dim='' plain=''; fi

step=0
say() {     # a chapter: its title, then what is about to happen
    step=$((step + 1))
    printf '\n%s━━ %s. %s%s\n' "$bold" "$step" "$1" "$plain"
    shift
    for text; do printf '%s%s%s\n' "$dim" "$text" "$plain"; done
}
erpoa() {   # show the command as a person would type it, then run it
    printf '\n%s$ erpoa %s%s\n' "$bold" "$*" "$plain"
    "$ERPOA" "$@" || case $? in
        5) printf '%s(exit 5: applied; a row is held until its category is mapped)%s\n' "$dim" "$plain" ;;
        *) exit 1 ;;
    esac
}
sql() {     # run a file of SQL on the ERP or the OA, as its own users would
    printf '\n%s$ sqlite3 data/%s.db < %s%s\n' "$bold" "$1" "$2" "$plain"
    sed -n 's/^\([a-z].*\)/    \1/p' "$2"
    "$PYTHON" demo/seed.py "$1" "$2"
}

say "A project" \
    "华信精密制造 keeps people and suppliers in its ERP and approves purchases in its OA." \
    "Everything about their agreement is in a directory of YAML and SQL that git can keep."
erpoa init "$directory"
cd -- "$directory"

say "Is it right?" "Every file, reference, SQL model and mapping is judged, offline."
erpoa validate
erpoa test

say "What would happen?" \
    "Both sides are read; nothing is written. The OA has three suppliers already: one is recognised by its code," \
    "one by its tax number, one is none of our business. One ERP category is unknown to the OA: that row is held."
erpoa plan -o first.erpoaplan

say "Do exactly that" \
    "Departments before people, managers last; orders before their lines; the numbers the ERP gave go back to the OA."
erpoa apply first.erpoaplan

say "And again: nothing" "A second plan finds nothing to write. What is held is still said."
erpoa plan

say "A morning later" "Both systems live on, each changed by its own users."
sql erp demo/changes_erp.sql
sql oa demo/changes_oa.sql

say "The plan that answers it" \
    "A new mail domain is one line, not fifty-five. A title changed by hand in the OA is put right (on_drift: revert)," \
    "a payment term changed there is only reported (on_drift: report). The telephone belongs to the OA and goes to the" \
    "ERP. The deleted supplier is deactivated, not deleted. The approved requisition becomes a purchase order."
erpoa plan -o second.erpoaplan

say "Why this row?" "Its source rows, the SQL between, whose word counts for which field, and the values compared."
erpoa explain oa_suppliers/code=S0001 --plan second.erpoaplan

say "Do exactly that, and keep the record"
erpoa apply second.erpoaplan
erpoa runs ls
erpoa audit verify

printf '\n%sDone.%s The project is in %s\n' "$bold" "$plain" "$directory"
printf '%s\n' \
    "  targets/suppliers.yml     which fields go where, who is their master, what happens when a source row is gone" \
    "  transforms/*.sql          the SQL between the two sides" \
    "  contracts/supplier.yml    what both sides agreed a supplier is" \
    "Change something (a seed, a mapping, a row in data/erp.db) and run \`erpoa plan\` there."
