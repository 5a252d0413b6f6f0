import { watchCaption } from "./caption_field.js";

watchCaption(document);
