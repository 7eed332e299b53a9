from matted.cli.main import main

raise SystemExit(main())
