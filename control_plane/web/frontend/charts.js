// Draws a table of counts over time as stacked areas. The table stays for those who cannot see the picture, or run no script.
(() => {
  "use strict";

  const LAYERS = [["healthy", "Healthy", "--color-success"], ["applying", "Applying", "--color-info"], ["trouble", "In trouble", "--color-error"], ["waiting", "Waiting", "--chart-rest"]];
  const drawn = new Map();

  function read(table) {
    const rows = [...table.tBodies[0].rows];
    const times = rows.map((row) => Date.parse(row.querySelector("time").dateTime) / 1000);
    const counts = LAYERS.map(([name]) => rows.map((row) => Number(row.querySelector(`[data-layer="${name}"]`).textContent)));
    return { times, counts };
  }

  // Each area reaches up to the sum of itself and those below it; the highest is drawn first.
  function stacked(counts) {
    const sums = [];
    counts.forEach((layer, place) => sums.push(layer.map((value, at) => value + (place ? sums[place - 1][at] : 0))));
    return sums.reverse();
  }

  function colour(name) {
    return getComputedStyle(document.body).getPropertyValue(name).trim();
  }

  const day = 86400;
  const seconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

  // Two neighbours never say the same.
  function ticks(plot, times, _, __, step) {
    const isLong = plot.scales.x.max - plot.scales.x.min > 2 * day;
    const words = isLong ? date : step < 60 ? seconds : clock;
    return times.map((at) => words.format(at * 1000));
  }

  function options(box, counts) {
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const layers = [...LAYERS.entries()].reverse().map(([place, [, label, name]]) => ({
      label,
      stroke: colour(name),
      fill: colour(name),
      width: 0,
      points: { show: false },
      paths: uPlot.paths.stepped({ align: 1 }),
      value: (_, __, ___, at) => (at === null ? "–" : counts[place][at]),
    }));
    return {
      width: box.clientWidth,
      height: 220,
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      legend: { live: true },
      scales: { y: { range: (_, __, most) => [0, Math.max(1, most)] } },
      axes: [{ ...axis, values: ticks, space: 96 }, { ...axis, size: 36, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] }],
      series: [{ label: "At", value: (_, at) => (at === null ? "–" : exact.format(at * 1000)) }, ...layers],
    };
  }

  function draw(box) {
    const table = document.getElementById(box.dataset.chart);
    if (!table) return;
    const { times, counts } = read(table);
    const key = JSON.stringify([times, counts, box.clientWidth, colour("--color-success")]);
    if (drawn.get(box)?.key === key) return;
    drawn.get(box)?.plot.destroy();
    drawn.set(box, { key, plot: new uPlot(options(box, counts), [times, ...stacked(counts)], box) });
  }

  function drawAll() {
    for (const box of document.querySelectorAll("[data-chart]")) draw(box);
  }

  drawAll();
  document.addEventListener("htmx:after:swap", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  new ResizeObserver(drawAll).observe(document.getElementById("main"));
})();
