// Style: the page's style sheet. Colors are variables, so that charts follow light and dark, and paper is light.

/**
 * Series colors: Okabe and Ito's palette, which people with any color vision tell apart, darkened on white and lightened
 * on black until text in them has a contrast of at least 4.5 to the page.
 */
const LIGHT = `--paper:#fff;--ink:#1d2126;--muted:#5a6370;--line:#d9dde3;--panel:#f5f6f8;--on-series:#fff;
--series-1:#0065a3;--series-2:#b84a00;--series-3:#00735a;--series-4:#a33d7d;--series-5:#7a6200;--series-6:#4d5866`;
const DARK = `--paper:#14171b;--ink:#e8eaed;--muted:#a2abb6;--line:#343a42;--panel:#1d2126;--on-series:#14171b;
--series-1:#62b8ee;--series-2:#f09a55;--series-3:#3fc9a2;--series-4:#e59bc6;--series-5:#d9c14a;--series-6:#b3bcc8`;

export const STYLE = `
:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
body{margin:0 auto;padding:16px;max-width:1240px;background:var(--paper);color:var(--ink);
font:16px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.2;margin:8px 0 2px}
h2{font-size:1.15rem;margin:36px 0 4px;padding-top:12px;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:20px 0 4px}
p{margin:4px 0 12px;max-width:70ch}p.muted{font-size:.92rem}
.muted,figcaption small,td small{color:var(--muted)}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(140px,1fr));gap:10px;margin:16px 0;padding:0}
.tile{background:var(--panel);border-radius:8px;padding:10px 12px}
.tile b{display:block;font-size:1.45rem;line-height:1.2;font-variant-numeric:tabular-nums}
.tile span{font-size:.85rem}.tile small{display:block;color:var(--muted);font-size:.8rem}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,328px),1fr));gap:20px 24px}
figure{margin:0;break-inside:avoid}
figcaption{font-weight:600;font-size:.95rem;margin-bottom:2px}
figcaption small{font-weight:400;font-size:.8rem}
.charts svg{width:100%;height:auto;max-width:520px}
.scroll{overflow-x:auto}
.scroll svg{max-width:none;height:auto}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,328px),1fr));gap:20px 32px;align-items:start}
.two svg{max-width:100%}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,250px),1fr));gap:16px}
.card{break-inside:avoid;font-size:.88rem}
.card .pair{display:grid;grid-template-columns:1fr 1fr;gap:4px;margin-bottom:4px}
.card .pair.one{grid-template-columns:1fr;max-width:50%}
.thumbs{display:grid;grid-template-columns:repeat(auto-fill,minmax(96px,1fr));gap:10px 8px;font-size:.75rem;line-height:1.25}
.thumbs figure{min-width:0}
img{display:block;width:100%;height:auto;border-radius:4px;background:var(--panel)}
.key{display:inline-block;min-width:1.5em;text-align:center;border-radius:4px;color:var(--on-series);font-weight:700}
table{border-collapse:collapse;font-size:.88rem;width:100%}
th,td{text-align:left;padding:4px 12px 4px 0;border-bottom:1px solid var(--line);vertical-align:top}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
table.narrow{width:auto;min-width:min(100%,360px)}
th{font-weight:600;color:var(--muted)}
tr.changed td:nth-child(2){font-weight:700}
.plain td{color:var(--muted)}
td code{white-space:nowrap}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.92em}
details{margin:8px 0}summary{cursor:pointer;color:var(--muted)}
.note{border-left:3px solid var(--line);padding:2px 12px;color:var(--muted);margin:8px 0}
@media (max-width:640px){body{padding:12px}h1{font-size:1.3rem}td,th{padding-right:8px}.settings .help{display:none}}
@media print{:root{color-scheme:light;${LIGHT}}body{max-width:none;padding:0;font-size:11pt}
.charts{grid-template-columns:1fr 1fr}.scroll{overflow:visible}.scroll svg{max-width:100%}
h2,h3{break-after:avoid}}
`;
