select
    location,
    date as day,
    precipitation as precipitation_mm,
    (temp_min + temp_max) / 2 as temperature_mean,
    temp_max - temp_min as temperature_span,
    wind as wind_ms,
    weather
from {{ source('raw', 'weather') }}
