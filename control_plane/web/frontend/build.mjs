// Builds ../static from this folder: the style sheet, the sprite of the icons that are used, htmx, the pages' scripts (uPlot with that of charts), licences.
// `--check` builds into a temporary folder and fails when a committed file differs.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const dashboard = join(here, "..", "dashboard");
const committed = join(here, "..", "static");
const checking = process.argv.includes("--check");
const out = checking ? mkdtempSync(join(tmpdir(), "tidegate-static-")) : committed;
const module = (...parts) => join(here, "node_modules", ...parts);

function iconNames() {
  const found = new Set();
  const files = readdirSync(join(dashboard, "templates"), { recursive: true }).filter((name) => name.endsWith(".html"));
  for (const file of files) {
    const text = readFileSync(join(dashboard, "templates", file), "utf8");
    for (const match of text.matchAll(/{% icon "([a-z0-9-]+)"/g)) found.add(match[1]);
  }
  for (const match of readFileSync(join(dashboard, "words.py"), "utf8").matchAll(/State\("[^"]*", "([a-z0-9-]+)"/g)) found.add(match[1]);
  for (const match of readFileSync(join(dashboard, "strip.py"), "utf8").matchAll(/(?:Item\(|: \()"([a-z0-9-]+)", "(?:good|bad|wait|move|quiet)"/g)) found.add(match[1]);
  for (const match of readFileSync(join(dashboard, "tags.py"), "utf8").matchAll(/icon\("([a-z0-9-]+)"/g)) found.add(match[1]);
  return [...found].sort();
}

function sprite() {
  const symbols = iconNames().map((name) => {
    const svg = readFileSync(module("lucide-static", "icons", `${name}.svg`), "utf8");
    const inner = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>")).replace(/\s+/g, " ").trim();
    return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">${inner}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`;
}

function licences() {
  const of = (name, file) => `${name}\n${"=".repeat(name.length)}\n${readFileSync(module(...file), "utf8").trim()}\n`;
  return [
    of("htmx (htmx.js)", ["htmx.org", "LICENSE"]),
    of("uPlot (charts.js, parts of app.css)", ["uplot", "LICENSE"]),
    of("lucide (icons.svg)", ["lucide-static", "LICENSE"]),
    of("daisyUI (parts of app.css)", ["daisyui", "LICENSE"]),
    of("Tailwind CSS (parts of app.css)", ["tailwindcss", "LICENSE"]),
  ].join("\n");
}

mkdirSync(out, { recursive: true });
writeFileSync(join(out, "icons.svg"), sprite());
writeFileSync(join(out, "htmx.js"), readFileSync(module("htmx.org", "dist", "htmx.min.js"), "utf8").replace(/\n?\/\/# sourceMappingURL=.*\n?/, "\n"));
writeFileSync(join(out, "charts.js"), readFileSync(module("uplot", "dist", "uPlot.iife.min.js"), "utf8") + readFileSync(join(here, "charts.js"), "utf8"));
writeFileSync(join(out, "tidegate.js"), readFileSync(join(here, "tidegate.js")));
writeFileSync(join(out, "mark.svg"), readFileSync(join(here, "mark.svg")));
writeFileSync(join(out, "LICENCES.txt"), licences());
execFileSync(module(".bin", "tailwindcss"), ["--input", join(here, "app.css"), "--output", join(out, "app.css"), "--minify"], { cwd: here, stdio: ["ignore", "inherit", "pipe"] });

if (checking) {
  const stale = readdirSync(out).filter((name) => readFileSync(join(out, name), "utf8") !== readFileSync(join(committed, name), "utf8"));
  if (stale.length) {
    console.error(`out of date: ${stale.join(", ")}. Run npm run build in control_plane/web/frontend and commit static/.`);
    process.exit(1);
  }
}
