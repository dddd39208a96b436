-- The way back: what the OA says about contact persons, for the addresses of the ERP.
-- A supplier the OA does not have yet keeps the ERP's own word.
select
    supplier.code,
    address.address_id,
    case when oa.code is null then address.attn else coalesce(oa.contact_person, '') end as contact_person
from {{ ref('suppliers') }} as supplier
join {{ source('erp_parties') }} as party on party.code = supplier.code
join {{ ref('first_address') }} as address on address.party = party.id
left join {{ source('oa_contacts') }} as oa on oa.code = supplier.code
