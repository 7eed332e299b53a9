from matted.cli import main

raise SystemExit(main())
