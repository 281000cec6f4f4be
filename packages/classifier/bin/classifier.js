#!/usr/bin/env node
// No static import: an older Node.js would fail at what it cannot read, before it could say why.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `classifier needs Node.js 20.19 or newer, and this is ${process.versions.node} (${process.execPath})\n` +
      "  fix: install a current LTS release of Node.js (https://nodejs.org) and run the same command again\n",
  );
  process.exitCode = 1;
} else {
  const { main } = await import("../dist/cli/main.js");
  process.exitCode = await main(process.argv.slice(2));
}
