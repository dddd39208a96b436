-- One address per party: the one Tryton lists first.
select party, id as address_id, country, attn
from {{ source('erp_addresses') }}
where active
qualify row_number() over (partition by party order by sequence nulls first, id) = 1
