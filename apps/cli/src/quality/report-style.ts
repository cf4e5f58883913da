/** The page's looks; colours keep a contrast of 4.5 to 1 on either ground. */
export const style = `
:root { --ground: #fff; --text: #1d2329; --quiet: #59636e; --line: #d5dbe1; --plot: #3b6ea5; --band: #dce8f4;
  --passed: #1a6b36; --warned: #855500; --failed: #b3261e; --errored: #8b1a6b; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181c; --text: #e6eaee; --quiet: #a3adb7; --line: #333b44;
  --plot: #8ab8e8; --band: #223447; --passed: #6fcf8e; --warned: #e5b454; --failed: #ff8a80; --errored: #f19ad6; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 78rem; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.6rem; }
h2 { margin: 2rem 0 .5rem; font-size: 1.2rem; }
.quiet { color: var(--quiet); }
.counts { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; margin: 1rem 0 0; padding: 0; list-style: none; }
.counts strong { font-size: 1.4rem; }
li.passed, .status.passed { color: var(--passed); } li.warned, .status.warned { color: var(--warned); }
li.failed, .status.failed { color: var(--failed); } li.errored, .status.errored { color: var(--errored); }
.status { white-space: nowrap; font-weight: 600; }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { color: var(--quiet); font-size: .85rem; font-weight: 600; }
tbody th { font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.about, .seen { display: block; font-size: .85rem; font-weight: 400; color: var(--quiet); overflow-wrap: anywhere; }
.seen { color: var(--text); }
details { margin-top: .25rem; font-size: .85rem; font-weight: 400; }
summary { cursor: pointer; color: var(--plot); }
.sample th, .sample td { padding: .25rem .75rem .25rem 0; font-size: .85rem; font-weight: 400; }
pre { margin: .5rem 0 0; padding: .5rem; border: 1px solid var(--line); white-space: pre-wrap; overflow-wrap: anywhere; }
figure { margin: 0; } figcaption { font-size: .75rem; color: var(--quiet); }
.plot { display: block; max-width: 100%; }
.plot polyline { fill: none; stroke: var(--plot); stroke-width: 1.5; }
.plot .band { fill: var(--band); }
.plot circle { fill: var(--plot); } .plot circle.warned { fill: var(--warned); }
.plot circle.failed { fill: var(--failed); } .plot circle.errored { fill: var(--errored); }
`
