// @ts-check
/** One chart per metric, with a curve for each run and stage, updated in place. */

const colors = ["#2f7bd9", "#d9662f", "#2c9a5b", "#9351c4", "#c9a227", "#1fa0a8", "#cc4070", "#6b7a2c"];
const stages = /^(train|val|test)[/_]/;

/** `train/loss` and `val/loss` share the chart `loss`. @param {string} metric */
export function chartName(metric) {
  return metric.replace(stages, "").replace(/_(step|epoch)$/, "");
}

/** Exponential smoothing, without the bias of the first value. @param {number[]} values @param {number} weight */
export function smoothed(values, weight) {
  if (weight === 0) return values;
  let sum = 0;
  let total = 0;
  return values.map((value) => {
    sum = sum * weight + value * (1 - weight);
    total = total * weight + (1 - weight);
    return sum / total;
  });
}

export class Charts {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    /** @type {Map<string, any>} */
    this.charts = new Map();
  }

  /**
   * @param {{ key: string, label: string, series: Map<string, { steps: number[], values: number[] }> }[]} runs
   * @param {number} smoothing
   */
  show(runs, smoothing) {
    /** @type {Map<string, object[]>} */
    const wanted = new Map();
    let color = 0;
    for (const { label, series } of runs) {
      for (const [metric, { steps, values }] of [...series].sort(([a], [b]) => (a < b ? -1 : 1))) {
        const smooth = smoothed(values, smoothing);
        const name = chartName(metric);
        const list = wanted.get(name) ?? [];
        list.push({
          label: runs.length > 1 ? `${label}: ${metric}` : metric,
          data: steps.map((x, i) => ({ x, y: smooth[i] })),
          borderColor: colors[(runs.length > 1 ? color : list.length) % colors.length],
          borderDash: runs.length > 1 && list.length % 2 === 1 && metric.startsWith("train") ? [4, 3] : [],
          borderWidth: 1.5,
          pointRadius: steps.length < 30 ? 2 : 0,
        });
        wanted.set(name, list);
      }
      color++;
    }
    for (const [name, chart] of this.charts) {
      if (wanted.has(name)) continue;
      chart.canvas.closest("figure").remove();
      chart.destroy();
      this.charts.delete(name);
    }
    for (const name of [...wanted.keys()].sort()) this.#draw(name, wanted.get(name) ?? []);
  }

  /** @param {string} name @param {object[]} datasets */
  #draw(name, datasets) {
    const known = this.charts.get(name);
    if (known !== undefined) {
      known.data.datasets = datasets;
      known.update("none");
      return;
    }
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = name;
    const plot = document.createElement("div");
    plot.className = "plot";
    const canvas = document.createElement("canvas");
    canvas.setAttribute("aria-label", `Curve of ${name}`);
    plot.append(canvas);
    figure.append(caption, plot);
    const after = [...this.place.children].find(
      (other) => (other.querySelector("figcaption")?.textContent ?? "") > name,
    );
    this.place.insertBefore(figure, after ?? null);
    const options = {
      animation: false,
      maintainAspectRatio: false,
      parsing: false,
      interaction: { mode: "nearest", axis: "x", intersect: false },
      scales: { x: { type: "linear", title: { display: true, text: "step" } } },
      plugins: { legend: { position: "bottom", labels: { boxWidth: 12 } } },
    };
    // @ts-expect-error Chart.js is a plain script of the page.
    this.charts.set(name, new globalThis.Chart(canvas, { type: "line", data: { datasets }, options }));
  }
}
