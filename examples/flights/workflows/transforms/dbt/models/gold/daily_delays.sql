select
    departure_day as day,
    count(*) as flights,
    round(avg(delay_minutes), 2) as mean_delay,
    count(*) filter (where punctuality = 'very_late') as very_late,
    sum(distance_miles) as miles
from {{ ref('flights_enriched') }}
group by departure_day
