/** A metric as Prometheus reads it. */
export interface ReadMetric {
  readonly help: string;
  readonly type: string;
  readonly samples: readonly { readonly labels: Record<string, string>; readonly value: number }[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;

/** Reads the text format 0.0.4, and throws for whatever breaks its rules. */
export function readMetrics(text: string): Map<string, ReadMetric> {
  if (!text.endsWith("\n")) throw new Error("The last line has no end");
  const metrics = new Map<
    string,
    { help: string; type: string; samples: ReadMetric["samples"][number][] }
  >();
  const series = new Set<string>();
  let current: string | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const told = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (told !== null) {
      const [, kind, name = "", rest = ""] = told;
      if (!NAME.test(name)) throw new Error(`Bad name: ${line}`);
      if (kind === "HELP") {
        if (metrics.has(name)) throw new Error(`Comes twice, or in two groups: ${line}`);
        if (/\\(?![\\n])/.test(rest)) throw new Error(`Bad escape: ${line}`);
        metrics.set(name, { help: rest, type: "untyped", samples: [] });
        current = name;
        continue;
      }
      const metric = metrics.get(name);
      if (current !== name || metric === undefined || metric.samples.length > 0) {
        throw new Error(`Out of place: ${line}`);
      }
      if (!["counter", "gauge"].includes(rest)) throw new Error(`Bad type: ${line}`);
      if ((rest === "counter") !== name.endsWith("_total")) throw new Error(`Bad name: ${line}`);
      metric.type = rest;
      continue;
    }
    const sample = /^([^{ ]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (sample === null) throw new Error(`Not understood: ${line}`);
    const [, name = "", labels = "", value = ""] = sample;
    if (name !== current) throw new Error(`Outside of its group: ${line}`);
    const key = `${name}{${labels}}`;
    if (series.has(key)) throw new Error(`Comes twice: ${line}`);
    series.add(key);
    if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(value)) throw new Error(`Bad value: ${line}`);
    metrics.get(name)!.samples.push({ labels: readLabels(labels), value: Number(value) });
  }
  return metrics;
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const match = LABEL.exec(text);
    if (match === null) throw new Error(`Bad labels: ${text}`);
    const [, name = "", value = ""] = match;
    if (name in labels) throw new Error(`A label comes twice: ${text}`);
    labels[name] = value.replace(/\\(.)/g, (_, char) => char === "n" ? "\n" : char);
  }
  return labels;
}
