// The page's look. The colours keep a contrast of 4.5 to the paper where they are text, and of 3 where they are lines.

/** How many runs have a colour of their own. */
export const colors = 8;
/** The colour of the run at `index`, as the page defines it for light and dark. */
export const color = (index: number): string => `var(--run-${index % colors})`;

export const style = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --muted: #59636e; --line: #d8dee4; --heat: #9a3412;
  --run-0: #c24e16; --run-1: #1668c1; --run-2: #12805c; --run-3: #8250df; --run-4: #a16207; --run-5: #be185d; --run-6: #0e7490; --run-7: #57606a; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171c; --ink: #e8ebef; --muted: #9aa4b0; --line: #323942; --heat: #ffb38a;
    --run-0: #ff9457; --run-1: #6cb2ff; --run-2: #4fd1a1; --run-3: #c4a7ff; --run-4: #e3b341; --run-5: #ff8ab5; --run-6: #56d4e4; --run-7: #a7b0ba; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 860px; margin: 0 auto; padding: 40px 20px 64px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 10px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 40px 0 4px; }
h3 { font-size: 14px; font-weight: 600; margin: 16px 0 2px; overflow-wrap: anywhere; }
p { margin: 0 0 12px; overflow-wrap: anywhere; }
.verdict { font-size: 18px; }
.note { color: var(--muted); font-size: 14px; }
.scroll { overflow-x: auto; }
.scroll:focus-visible, a:focus-visible, button:focus-visible, input:focus-visible, summary:focus-visible { outline: 3px solid var(--run-1); outline-offset: 2px; }
a { color: var(--run-1); }
table { border-collapse: collapse; width: 100%; margin: 16px 0 8px; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 0 7px 14px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; font-weight: 400; }
thead th { color: var(--muted); font-size: 13px; white-space: normal; vertical-align: bottom; }
th:first-child { padding-left: 0; text-align: left; }
tbody th { font-weight: 600; white-space: normal; overflow-wrap: anywhere; min-width: 130px; }
.key { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 8px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 20px; list-style: none; margin: 0 0 4px; padding: 0; font-size: 14px; }
.legend li { overflow-wrap: anywhere; }
form { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; margin: 0 0 16px; font-size: 14px; }
fieldset { border: 1px solid var(--line); border-radius: 6px; display: flex; flex-wrap: wrap; gap: 4px 18px; padding: 6px 12px; margin: 0; min-width: 0; }
label { display: inline-flex; align-items: center; gap: 6px; min-height: 24px; overflow-wrap: anywhere; }
input { flex: none; width: 18px; height: 18px; margin: 0; accent-color: var(--run-1); }
button { font: inherit; min-height: 32px; padding: 2px 14px; border: 1px solid var(--muted); border-radius: 6px; background: none; color: var(--ink); cursor: pointer; }
summary { cursor: pointer; font-size: 14px; }
svg { display: block; width: 100%; height: auto; margin-top: 8px; font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; }
svg text { fill: var(--muted); } svg text.ink { fill: var(--ink); paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
svg path { fill: none; stroke-linejoin: round; }
.faint { stroke-width: 1; opacity: 0.35; } .strong { stroke-width: 2.2; } .dashed { stroke-dasharray: 5 4; stroke-width: 1.6; }
.grid { stroke: var(--line); } .axis { stroke: var(--muted); } .mark { stroke: var(--ink); }
.heat { fill: var(--heat); } .broken { fill: var(--run-5); }
.narrow { display: none; }
@media (max-width: 560px) {
  main { padding: 24px 14px 48px; } h1 { font-size: 22px; } .verdict { font-size: 16px; }
  .wide { display: none; } .narrow { display: block; }
}`;
