SELECT no FROM {{ ref('orders') }} WHERE stage = 'confirmed'
