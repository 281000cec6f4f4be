// Loaded by every `classifier` command that composes a configuration: register custom classes and extensions here.
import "./src/tiny-net.ts";
