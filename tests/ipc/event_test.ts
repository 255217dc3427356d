import { Event } from "../../ipc/event.ts";
import { eventContract, type EventHandle } from "../contracts/event_contract.ts";
import { openInChildren } from "./_children.ts";

eventContract("ipc.Event", { open: (count) => openInChildren<EventHandle>(count, new Event()) });
