import "../../style/studio.css";
import "../../style/jobs.css";
import { useEffect } from "preact/hooks";
import { TabPanel, Tabs } from "../../components/tabs.tsx";
import { param } from "../../state/params.ts";
import { announcement } from "../studio/store.ts";
import { DuplicatesPart } from "./duplicates-part.tsx";
import { EnoughPart } from "./enough-part.tsx";
import { NextPart } from "./next-part.tsx";
import { SuspectsPart } from "./suspects-part.tsx";

const partParam = param("look", "suspects");

const parts = [
  { id: "suspects", title: "Label errors", Part: SuspectsPart },
  { id: "duplicates", title: "Duplicates and broken images", Part: DuplicatesPart },
  { id: "next", title: "Label these next", Part: NextPart },
  { id: "enough", title: "Is it enough?", Part: EnoughPart },
] as const;

/** What is worth a look in the data, the most rewarding first. */
export function ReviewView() {
  const { id, Part } = parts.find((part) => part.id === partParam.value) ?? parts[0];
  // What was said elsewhere is not about these images.
  useEffect(() => {
    announcement.value = "";
  }, [id]);
  return (
    <div class="studio-page review-view">
      <h2 class="hidden-label">Review</h2>
      <Tabs
        name="review"
        label="What to look at"
        tabs={parts}
        open={id}
        onOpen={(next) => partParam.set(next)}
        class="inner"
      />
      <TabPanel name="review" open={id} class="page-part">
        <Part key={id} />
      </TabPanel>
    </div>
  );
}
