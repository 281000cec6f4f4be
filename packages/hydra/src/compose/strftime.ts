const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

const pad = (value: number, width = 2, fill = "0") => String(value).padStart(width, fill);
const startOfYear = (time: Date) => new Date(time.getFullYear(), 0, 1);
/** Whole days since the first of January, whatever daylight saving time does. */
const dayOfYear = (time: Date) =>
  Math.round(
    (new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime() - startOfYear(time).getTime()) / 864e5,
  );
const hour12 = (time: Date) => time.getHours() % 12 || 12;
/** Week of the year when weeks start on `firstDay`; days before the first such day are in week 0. */
const week = (time: Date, firstDay: number) =>
  Math.floor((dayOfYear(time) + 7 - ((time.getDay() - firstDay + 7) % 7)) / 7);

function isoWeek(time: Date): { year: number; week: number } {
  const day = time.getDay() || 7;
  const thursday = new Date(time.getFullYear(), time.getMonth(), time.getDate() + 4 - day);
  return { year: thursday.getFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 };
}

const directives: Readonly<Record<string, (time: Date) => string>> = {
  a: (t) => days[t.getDay()]!.slice(0, 3),
  A: (t) => days[t.getDay()]!,
  b: (t) => months[t.getMonth()]!.slice(0, 3),
  B: (t) => months[t.getMonth()]!,
  c: (t) => strftime("%a %b %e %H:%M:%S %Y", t),
  C: (t) => pad(Math.floor(t.getFullYear() / 100)),
  d: (t) => pad(t.getDate()),
  D: (t) => strftime("%m/%d/%y", t),
  e: (t) => pad(t.getDate(), 2, " "),
  f: (t) => pad(t.getMilliseconds() * 1000, 6),
  F: (t) => strftime("%Y-%m-%d", t),
  G: (t) => String(isoWeek(t).year),
  h: (t) => months[t.getMonth()]!.slice(0, 3),
  H: (t) => pad(t.getHours()),
  I: (t) => pad(hour12(t)),
  j: (t) => pad(dayOfYear(t) + 1, 3),
  k: (t) => pad(t.getHours(), 2, " "),
  l: (t) => pad(hour12(t), 2, " "),
  m: (t) => pad(t.getMonth() + 1),
  M: (t) => pad(t.getMinutes()),
  n: () => "\n",
  p: (t) => (t.getHours() < 12 ? "AM" : "PM"),
  r: (t) => strftime("%I:%M:%S %p", t),
  R: (t) => strftime("%H:%M", t),
  s: (t) => String(Math.floor(t.getTime() / 1000)),
  S: (t) => pad(t.getSeconds()),
  t: () => "\t",
  T: (t) => strftime("%H:%M:%S", t),
  u: (t) => String(t.getDay() || 7),
  U: (t) => pad(week(t, 0)),
  V: (t) => pad(isoWeek(t).week),
  w: (t) => String(t.getDay()),
  W: (t) => pad(week(t, 1)),
  x: (t) => strftime("%m/%d/%y", t),
  X: (t) => strftime("%H:%M:%S", t),
  y: (t) => pad(t.getFullYear() % 100),
  Y: (t) => String(t.getFullYear()),
  // Python's naive times have no zone: both are empty.
  z: () => "",
  Z: () => "",
  "%": () => "%",
};

/** Writes a local time as C's and Python's `strftime` do, in the C locale. Unknown directives stay as they are. */
export function strftime(format: string, time: Date): string {
  return format.replace(/%-?([A-Za-z%])/g, (whole, letter: string) => {
    const text = directives[letter]?.(time);
    if (text === undefined) return whole;
    return whole[1] === "-" ? text.replace(/^[0 ]+(?=.)/, "") : text;
  });
}
