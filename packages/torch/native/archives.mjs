// The archives of LibTorch that `classifier setup --download` fetches: the only place that knows their addresses, sizes
// and hashes. PyTorch publishes no hashes: each is one that several projects, independently of one another, check their
// download against, except those marked "one source". A build without a known hash is not here.

/**
 * @typedef {object} Archive
 * @property {string} url
 * @property {string} sha256
 * @property {number} [bytes] its size, where it is known
 */

/**
 * @typedef {object} ArchiveTable
 * @property {string} version
 * @property {string} glibc the oldest one that the archives for Linux run on
 * @property {Record<string, Record<string, Archive>>} builds by platform (`process.platform-process.arch`) and build
 */

/** What `CLASSIFIER_LIBTORCH_MIRROR` stands in place of. */
export const archiveServer = "https://download.pytorch.org/libtorch";

const version = "2.7.1";
const linux = (build) => `${archiveServer}/${build}/libtorch-cxx11-abi-shared-with-deps-${version}%2B${build}.zip`;
const windows = (build) => `${archiveServer}/${build}/libtorch-win-shared-with-deps-${version}%2B${build}.zip`;

/** @type {ArchiveTable} */
export const archiveTable = {
  version,
  glibc: "2.28",
  builds: {
    "linux-x64": {
      cpu: { url: linux("cpu"), sha256: "63d572598c8d532128a335018913e795c1bbb32602ce378896dc8cfbb5590976" },
      // One source.
      cu118: { url: linux("cu118"), sha256: "65a33ca2751af31c0a6ae8b6e8b727c242ae1c41d294da97471de9c95ecb5406" },
      // One source.
      cu126: { url: linux("cu126"), sha256: "4a7ffb0c0f6c3b02fb14e7790143dfb2fbb2973c41f107357da57bcddd196077" },
      cu128: { url: linux("cu128"), sha256: "ae513b437ae99150744ef1d06b02a4ecbbb9275c9ffe540c88909623e3293041" },
    },
    "darwin-arm64": {
      // With MPS.
      cpu: {
        url: `${archiveServer}/cpu/libtorch-macos-arm64-${version}.zip`,
        sha256: "aa89ac85b91c83d0f976f8d135330d51e38ab777b26ec24f312fd58d079314cb",
      },
    },
    "win32-x64": {
      // One source.
      cpu: { url: windows("cpu"), sha256: "a294845080d67ff579073b7b6e17e7da1cc856dde6e63fca2d71498b482580f8" },
      // One source.
      cu118: { url: windows("cu118"), sha256: "186aa930c1510482153be939e573937fc6682ad527ba86500f50266c8f418428" },
      // One source.
      cu126: { url: windows("cu126"), sha256: "3d63369698dd145ae11c4a0629c51014a05b4bead4a5aac76f784cfaa7543b8b" },
      cu128: {
        url: windows("cu128"),
        sha256: "bdbf643d648e2bf9e8603472d6c6ff4bae5f79a49fe4776f215b4c45c90a7f19",
        bytes: 3_214_239_381,
      },
    },
  },
};

/** The builds that can be fetched for a platform, by name; none where no hash is known. */
export function archivesFor(platform = `${process.platform}-${process.arch}`, table = archiveTable) {
  return isMusl() ? {} : (table.builds[platform] ?? {});
}

/** Whether this Node.js runs on musl (Alpine), for which there is no LibTorch. */
export function isMusl() {
  return process.platform === "linux" && glibcVersion() === undefined;
}

/** @returns {string | undefined} */
export function glibcVersion() {
  return process.report.getReport().header.glibcVersionRuntime;
}
