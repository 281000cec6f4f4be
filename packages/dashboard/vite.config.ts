import { defineConfig } from "vite";

/** The page: from `web/` into `dist/web/`, which the package is published with. */
export default defineConfig({
  root: "web",
  base: "./",
  logLevel: "warn",
  resolve: { conditions: ["classifier-source", "browser", "module", "import", "default"] },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../dist/web",
    emptyOutDir: true,
    target: "es2022",
    // Nothing inline: the server's policy does not allow it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
