"""The base of every message: frozen, and closed to fields nobody declared."""

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """A value that crosses a boundary. It is never changed in place: `model_copy` makes a new one.

    Unknown fields are ignored, not refused: a parked run may be read by a newer or an older release,
    and messages evolve by adding fields.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_bytes="base64", val_json_bytes="base64")
