import { Event } from "../../thread/event.ts";
import { eventContract } from "../contracts/event_contract.ts";
import { openInThreads } from "./_remote_objects.ts";

eventContract("thread.Event", { open: (count) => openInThreads(count, new Event()) });
