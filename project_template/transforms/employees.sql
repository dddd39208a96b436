-- People as both systems should know them; full-width letters and stray spaces are typing, not meaning.
select
    no,
    trim(nfkc(name)) as name,
    department_code,
    title,
    lower(trim(email)) as email,
    id_card,
    active
from {{ source('erp_employees') }}
