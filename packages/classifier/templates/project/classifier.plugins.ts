// Loaded by every `classifier` command that composes a configuration: register your own classes here.
import "./src/tiny-net.ts";
