// What to install, for this platform. Built-in modules only: setup runs this before anything is installed.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { archivesFor, archiveTable, isMusl } from "./archives.mjs";

const always = "a Python that has torch: activate its environment, so that `python3 -c 'import torch'` works";
const archive = "the LibTorch zip of pytorch.org: unpack it and set LIBTORCH to its folder";

/** The command that fetches LibTorch, where its archive for this machine is known. */
function downloadAdvice() {
  if (Object.keys(archivesFor()).length === 0) return [];
  const command = canResolve("classifier-training/package.json")
    ? "npx classifier setup --download"
    : `node -e 'import("@classifier-training/torch/libtorch").then((m) => m.downloadLibTorch())'`;
  return [`${command}, which fetches LibTorch ${archiveTable.version} from pytorch.org`];
}

function canResolve(name) {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** Names in /etc/os-release, and those that they are like. */
function distributions() {
  const path = "/etc/os-release";
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  return [...text.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap(([, names]) => names.split(" "));
}

/**
 * The command that installs what is missing, and the other ways.
 * @param {{ libtorch?: boolean, tools?: boolean }} missing LibTorch; a C++ compiler and CMake
 */
export function installAdvice({ libtorch = false, tools = false }) {
  const pick = (library, compiler) => [...(libtorch ? library : []), ...(tools ? compiler : [])].join(" ");
  const known = distributions();
  const others = libtorch ? [...downloadAdvice(), always, archive] : [];
  const lines = (command) => [`  fix: ${command}`, ...others.map((way) => `  or ${way}`)].join("\n");
  if (process.platform === "darwin") {
    const brew = pick(["pytorch", "libomp"], ["cmake"]);
    return lines(`${tools ? "xcode-select --install; " : ""}brew install ${brew}`);
  }
  if (process.platform === "win32") {
    const compiler = "winget install Kitware.CMake Microsoft.VisualStudio.2022.BuildTools";
    const [download = archive] = downloadAdvice();
    return lines(tools ? compiler : download);
  }
  if (isMusl() && libtorch) {
    return "  fix: LibTorch needs glibc, and this system has musl: use a Debian image, such as node:22-trixie";
  }
  if (known.includes("fedora") || known.includes("rhel")) {
    return lines(`sudo dnf install -y ${pick(["python3-torch-devel"], ["cmake", "gcc-c++"])}`);
  }
  if (known.includes("arch"))
    return lines(`sudo pacman -S --needed ${pick(["python-pytorch"], ["cmake", "gcc", "make"])}`);
  if (known.includes("debian") || known.includes("ubuntu")) {
    const packages = pick(["libtorch-dev", "libgloo-dev"], ["cmake", "g++", "make"]);
    const sudo = process.getuid?.() === 0 ? "" : "sudo ";
    return lines(`${sudo}apt-get update && ${sudo}apt-get install -y ${packages}`);
  }
  return lines(`install ${pick(["LibTorch"], ["CMake", "a C++17 compiler"])} with this system's package manager`);
}
