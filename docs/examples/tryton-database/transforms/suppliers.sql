-- Parties of the category "Supplier", active or not, in the agreed shape.
with suppliers as (
    select distinct member.party
    from {{ source('erp_party_categories') }} as member
    join {{ source('erp_categories') }} as category on category.id = member.category
    where category.name = '供应商 Supplier'
),
tax_numbers as (
    select number.party, number.code
    from {{ source('erp_identifiers') }} as number
    join {{ ref('tax_number_rank') }} as preferred on preferred.type = number.type
    where number.active
    qualify row_number() over (
        partition by number.party order by preferred.rank, number.sequence nulls first, number.id
    ) = 1
),
telephones as (
    select party, value
    from {{ source('erp_contact_mechanisms') }}
    where active and type in ('phone', 'mobile')
    qualify row_number() over (partition by party order by sequence nulls first, id) = 1
)
select
    party.code,
    party.name,
    tax_numbers.code as tax_no,
    country.code as country_code,
    cast(timezone('Asia/Shanghai', party.create_date) as date) as registered_on,   -- the day in the office, not in Greenwich
    party.active,
    nullif(trim(address.attn), '') as contact_person,
    telephones.value as contact_phone
from {{ source('erp_parties') }} as party
join suppliers on suppliers.party = party.id
left join tax_numbers on tax_numbers.party = party.id
left join telephones on telephones.party = party.id
left join {{ ref('first_address') }} as address on address.party = party.id
left join {{ source('erp_countries') }} as country on country.id = address.country
