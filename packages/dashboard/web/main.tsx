import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./style/theme.css";
import "./style/layout.css";
import "./style/components.css";
import "./style/views.css";
import "./style/evaluation.css";
import { App } from "./app.tsx";
import { followMetrics } from "./state/metrics.ts";
import { follow } from "./state/runs.ts";

render(<App />, document.getElementById("app") as HTMLElement);
follow();
followMetrics();
