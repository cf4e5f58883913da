select
    origin,
    destination,
    any_value(origin_city) as origin_city,
    any_value(destination_city) as destination_city,
    count(*) as flights,
    round(avg(delay_minutes), 1) as mean_delay,
    round(quantile_cont(delay_minutes, 0.9), 1) as p90_delay,
    round(100.0 * count(*) filter (where punctuality = 'on_time') / count(*), 1) as on_time_percent,
    any_value(distance_miles) as distance_miles
from {{ ref('flights_enriched') }}
group by origin, destination
having count(*) >= 30
