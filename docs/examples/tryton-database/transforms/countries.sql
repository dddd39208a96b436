select
    country.code,
    country.code3,
    country.name as name_en,
    chinese.value as name_zh,
    country.active
from {{ source('erp_countries') }} as country
left join {{ source('erp_translations') }} as chinese
    on chinese.name = 'country.country,name' and chinese.res_id = country.id
