// Back from the organisation's sign-in: on to the page that was asked for. A redirect would come without the new cookie,
// since it began on another site.

import { wanted } from "./wanted.js";

location.replace(wanted());
