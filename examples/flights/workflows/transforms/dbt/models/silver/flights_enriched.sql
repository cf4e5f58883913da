{{ config(partition_by=['month(departed_at)']) }}

select
    f.date as departed_at,
    cast(f.date as date) as departure_day,
    f.origin,
    f.destination,
    o.city as origin_city,
    o.state as origin_state,
    d.city as destination_city,
    d.state as destination_state,
    f.distance as distance_miles,
    f.delay as delay_minutes,
    case
        when f.delay <= 0 then 'on_time'
        when f.delay <= 15 then 'slightly_late'
        when f.delay <= 60 then 'late'
        else 'very_late'
    end as punctuality
from {{ source('raw', 'flights') }} as f
left join {{ source('raw', 'airports') }} as o on o.iata = f.origin
left join {{ source('raw', 'airports') }} as d on d.iata = f.destination
