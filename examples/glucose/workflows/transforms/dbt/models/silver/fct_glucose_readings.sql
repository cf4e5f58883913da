select
    datetime as read_at,
    cast(datetime as date) as reading_date,
    extract(hour from datetime) as reading_hour,
    glucose as glucose_mg_dl,
    case
        when glucose < 70 then 'hypoglycemia'
        when glucose <= 180 then 'in_range'
        when glucose <= 250 then 'hyperglycemia_mild'
        else 'hyperglycemia_severe'
    end as glucose_category
from {{ source('bronze', 'glucose_readings') }}
