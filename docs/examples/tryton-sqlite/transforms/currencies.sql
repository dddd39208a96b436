-- Currencies with their latest rate.
with latest as (
    select currency, rate, date
    from {{ source('erp_rates') }}
    qualify row_number() over (partition by currency order by date desc, id) = 1
)
select
    currency.code,
    currency.name as name_en,
    chinese.value as name_zh,
    currency.digits,
    currency.rounding,
    latest.rate,
    latest.date as rate_date,
    currency.active
from {{ source('erp_currencies') }} as currency
left join latest on latest.currency = currency.id
left join {{ source('erp_translations') }} as chinese
    on chinese.name = 'currency.currency,name' and chinese.res_id = currency.id
