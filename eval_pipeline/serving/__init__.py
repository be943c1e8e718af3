"""What our HTTP servers, the recorder and `eval-pipeline serve`, share: binding and running, and access checks."""
