with worst as (
    select origin, max(mean_delay) as worst_route_delay
    from {{ ref('route_delays') }}
    group by origin
)

select
    e.origin as airport,
    any_value(e.origin_city) as city,
    any_value(e.origin_state) as state,
    count(*) as departures,
    round(100.0 * count(*) filter (where e.punctuality = 'on_time') / count(*), 1) as on_time_percent,
    any_value(w.worst_route_delay) as worst_route_delay
from {{ ref('flights_enriched') }} as e
left join worst as w on w.origin = e.origin
group by e.origin
