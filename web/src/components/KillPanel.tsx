import { useState } from "react";
import { Link } from "@tanstack/react-router";
import { Dialog } from "~/ui/Dialog";
import { KillRun } from "./KillRun";
import { Latches } from "./Latches";
import { StopSteps, type Run } from "./StopSteps";

/** The stop that is reachable from every page. Nothing in it waits for a right, a code or a person. */
export function KillPanel({ initialScope, onClose }: { initialScope: string; onClose: () => void }) {
  const [scope, setScope] = useState(initialScope);
  const [run, setRun] = useState<Run | null>(null);
  return (
    <Dialog open onClose={onClose} title={scope === "all" ? "Kill switch" : `Kill switch: ${scope.split("/")[1]}`} note="nothing here waits for approval" width={620} foot={<Link to="/emergency" onClick={onClose} className="text-12">Emergency: history, drills, guard</Link>}>
      <StopSteps scope={scope} onScope={setScope} run={run} onRun={setRun} focus />
      {run && <KillRun key={run.id} id={run.id} act={run.act} taken={run.taken} />}
      <Latches quietWhenNone />
    </Dialog>
  );
}
