import { sections } from "../../image/conformance/run.ts";
import { conformance } from "../../image/conformance/section.ts";
import { resnetCases } from "./resnet.ts";

await conformance("vision", [...sections, { file: "resnet.json", run: resnetCases }]);
