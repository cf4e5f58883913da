select
    location,
    cast(date_trunc('month', day) as date) as month,
    round(avg(temperature_mean), 1) as temperature_mean,
    round(sum(precipitation_mm), 1) as precipitation_mm,
    count(*) filter (where weather = 'sun') as sunny_days
from {{ ref('weather_daily') }}
group by 1, 2
