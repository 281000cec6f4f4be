import { CtError, Rng } from "@classifier-training/base";
import {
  type DataAnalysis,
  fitLearningCurve,
  type LearningCurve,
  type LearningCurvePoint,
  percent,
} from "@classifier-training/runs";
import { renderTable } from "../drawing/table.ts";
import {
  type FeatureGroup,
  featureGroups,
  type HeldOutImages,
  indexedLabels,
  pooledProbabilities,
} from "./held-out.ts";
import { fittedProbabilities, stratifiedFolds } from "./out-of-fold.ts";

/** How the error falls with the number of images. */
export type MeasuredCurve = Omit<DataAnalysis<"learningCurve">, "formatVersion" | "data" | "judges">;

const fractions = [0.1, 0.2, 0.35, 0.6, 1];
const folds = 5;

/** Fewer images have no curve. */
const fewest = 20;

/** Networks of so many sizes are a curve of their own. */
const fewestSizes = 3;

/**
 * Errors on images that the networks have not seen, by the number of training images, and a power law through them: of the
 * networks themselves where they were trained on parts of the data of three sizes or more; else of a logistic regression
 * on their features, which is fitted to parts of the images and measured on others.
 * @param all labeled images of the data
 * @throws CtError for fewer than 20 images, or those of one class
 */
export function measureLearningCurve(data: HeldOutImages, all: number): MeasuredCurve {
  indexedLabels(data);
  const sizes = new Set(sizesOf(data.networks.filter(({ classNames }) => classNames !== undefined)));
  const isOfNetworks = !sizes.has(0) && sizes.size >= fewestSizes;
  const groups = featureGroups(data);
  const size = groups.reduce((sum, { indices }) => sum + indices.length, 0) / groups.length;
  const points = isOfNetworks ? networkPoints(data) : groups.flatMap((group) => regressionPoints(group, size));
  const curve = data.images.length < fewest ? undefined : fitLearningCurve(points);
  if (curve === undefined) {
    throw new CtError({
      code: "learning-curve/images",
      what: `expected at least ${fewest} images that the network has not seen, received ${data.images.length}`,
      fix: "add images: parts of so few say nothing",
    });
  }
  // Of a run that was trained on most images, the others alone have a curve.
  const isPart = !isOfNetworks && data.networks.some(({ trainedOn }) => trainedOn > 0);
  const images = isPart ? Math.round(size) : all;
  return {
    measures: measuresOf(data, isOfNetworks),
    ...(curve.law.rate === 0 && { warning: notFalling(isOfNetworks) }),
    images,
    points: summarized(points),
    curve: curveOf(curve, points, images),
    forecasts: [0, 100, images, 9 * images].map((more) => ({
      more,
      images: images + more,
      ...curve.at(images + more),
    })),
    classes: classErrors(data),
  };
}

/** Folds differ by a few images; to be one size. */
const sameSize = 1.15;

/** How many images each network was trained on, where those of about as many are one size: their mean. */
function sizesOf(networks: readonly { readonly trainedOn: number }[]): number[] {
  const groups: number[][] = [];
  for (const size of networks.map(({ trainedOn }) => trainedOn).sort((a, b) => a - b)) {
    const last = groups.at(-1);
    if (last !== undefined && size <= sameSize * (last[0] as number)) last.push(size);
    else groups.push([size]);
  }
  return networks.map(({ trainedOn }) => {
    const group = groups.find((sizes) => sizes.includes(trainedOn)) as number[];
    return Math.round(group.reduce((sum, size) => sum + size, 0) / group.length);
  });
}

function measuresOf({ networks }: HeldOutImages, isOfNetworks: boolean): string {
  if (isOfNetworks) return "whole trainings on parts of the images, each measured on images that it was not trained on";
  const seen = Math.max(...networks.map(({ trainedOn }) => trainedOn));
  return seen === 0
    ? "a linear model on the features of a network that was trained on other images"
    : `a linear model on the features of a network that was trained on ${seen} other images of the data: what a whole training on more images would bring is more`;
}

/** More images do not make a model worse: something else than their number has decided. */
function notFalling(isOfNetworks: boolean): string {
  const why = isOfNetworks
    ? "the trainings were too short: give them more --time and --retrain"
    : "too few images, or features that say little of the classes";
  return `the errors do not fall with the number of images, so the forecast says nothing: ${why}`;
}

/** The error of each network on what it has not seen. */
function networkPoints(data: HeldOutImages): LearningCurvePoint[] {
  const sizes = sizesOf(data.networks);
  return data.networks.flatMap((network, k) => {
    const own = data.images.flatMap(({ label, opinions }) => {
      const logits = opinions.find((opinion) => opinion.network === k)?.logits;
      return logits === undefined ? [] : [network.classNames?.[logits.indexOf(Math.max(...logits))] !== label];
    });
    if (own.length === 0) return [];
    return [{ n: sizes[k] as number, error: own.filter(Boolean).length / own.length, measuredOn: own.length }];
  });
}

/** @param size images of a group, on average: folds differ by a few */
function regressionPoints(group: FeatureGroup, size: number): LearningCurvePoint[] {
  const { labels } = group;
  const fold = stratifiedFolds(labels, folds);
  return Array.from({ length: folds }, (_, k) => {
    const order = [...Rng.at(k, "learning_curve").permutation(labels.length)];
    const pool = order.filter((i) => fold[i] !== k);
    const held = order.filter((i) => fold[i] === k);
    if (held.length === 0) return [];
    return fractions.map((fraction) => {
      const n = Math.round(fraction * pool.length);
      const rows = fittedProbabilities(group, pool.slice(0, n), held);
      const wrong = rows.filter((row, j) => row.indexOf(Math.max(...row)) !== labels[held[j] as number]).length;
      const rounded = Math.round(fraction * size * (1 - 1 / folds));
      return { n: rounded, error: wrong / held.length, measuredOn: held.length };
    });
  }).flat();
}

/** The mean of each size, with an interval of its repetitions and of the images that they were measured on. */
function summarized(points: readonly LearningCurvePoint[]): MeasuredCurve["points"] {
  return [...new Set(points.map(({ n }) => n))]
    .sort((a, b) => a - b)
    .map((n) => {
      const own = points.filter((point) => point.n === n);
      const value = own.reduce((sum, { error }) => sum + error, 0) / own.length;
      const measuredOn = own.reduce((sum, point) => sum + point.measuredOn, 0);
      const between = own.reduce((sum, { error }) => sum + (error - value) ** 2, 0) / Math.max(1, own.length - 1);
      const deviation = Math.sqrt(Math.max((value * (1 - value)) / measuredOn, between / own.length));
      const [low, high] = [Math.max(0, value - 1.96 * deviation), Math.min(1, value + 1.96 * deviation)];
      return { images: n, value, low, high, repetitions: own.length };
    });
}

/** 30 sizes from the smallest that was measured to ten times as many images as there are, evenly on a log axis. */
function curveOf(curve: LearningCurve, points: readonly LearningCurvePoint[], images: number): MeasuredCurve["curve"] {
  const first = Math.min(...points.map(({ n }) => n));
  const ratio = (10 * images) / first;
  const sizes = new Set(Array.from({ length: 30 }, (_, i) => Math.round(first * ratio ** (i / 29))));
  return [...sizes].map((n) => ({ images: n, ...curve.at(n) }));
}

/** By what the networks that were trained on most images say. */
function classErrors(data: HeldOutImages): MeasuredCurve["classes"] {
  const { names, labels } = indexedLabels(data);
  const sizes = sizesOf(data.networks);
  const largest = Math.max(...sizes);
  const best = sizes.flatMap((size, k) => (size === largest ? [k] : []));
  const images = data.images.map((image) => ({
    ...image,
    opinions: image.opinions.filter(({ network }) => best.includes(network)),
  }));
  const rows = pooledProbabilities({ ...data, images });
  return names
    .flatMap((name, k) => {
      const own = labels.flatMap((label, i) => (label === k ? [i] : []));
      if (own.length === 0) return [];
      const judged = own.filter((i) => (images[i]?.opinions.length ?? 0) > 0);
      const wrong = judged.filter((i) => rows[i]?.indexOf(Math.max(...(rows[i] ?? []))) !== k).length;
      return [{ name, images: own.length, error: judged.length === 0 ? null : wrong / judged.length }];
    })
    .sort((a, b) => (b.error ?? -1) - (a.error ?? -1));
}

export function describeLearningCurve(curve: MeasuredCurve): string {
  const { measures, warning, points, forecasts, classes, images } = curve;
  const written = ({ value, low, high }: { value: number; low: number; high: number }) =>
    `${percent(value)} (${percent(low)} to ${percent(high)})`;
  const names = ["all", "100 more", "twice as many", "ten times as many"];
  const rows = [
    ...points.map((point) => ["a part", point.images, written(point), ""]),
    ...forecasts.map((forecast, i) => [names[i] ?? "", forecast.images, "", written(forecast)]),
  ];
  const [now, more] = forecasts;
  const [worst] = classes;
  return [
    `Errors by the number of training images, of ${measures}.`,
    "",
    renderTable("Learning curve", ["images", "number", "measured (95%)", "expected (95%)"], rows),
    ...(warning === undefined ? [] : [warning]),
    ...(now === undefined || more === undefined || warning !== undefined
      ? []
      : [`100 more images than ${images}: ${percent(now.value)} -> ${written(more)}`]),
    ...(worst?.error == null
      ? []
      : [
          `most errors: ${classes
            .slice(0, 3)
            .map(({ name, images: count, error }) => `${name} ${percent(error ?? 0)} (${count} images)`)
            .join(", ")}`,
        ]),
  ].join("\n");
}
