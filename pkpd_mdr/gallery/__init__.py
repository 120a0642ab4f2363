"""Published models, one file each: citation, parameters with units, and the numbers that they reproduce.

`table` lists them, `check` computes every number, ``find("ribba2012")`` is what one of them declares.
"""

from pkpd_mdr.gallery.alvarezarenas2019 import alvarezarenas2019
from pkpd_mdr.gallery.anthracycline_efflux import anthracycline_efflux
from pkpd_mdr.gallery.beckman2012 import beckman2012
from pkpd_mdr.gallery.bozic2013 import Lesion, bozic2013
from pkpd_mdr.gallery.catalogue import MODELS, check, find, numbers, table
from pkpd_mdr.gallery.cholevy2018 import cholevy2018
from pkpd_mdr.gallery.claret2009 import claret2009
from pkpd_mdr.gallery.depillis2005 import depillis2005
from pkpd_mdr.gallery.depillis2008 import depillis2008
from pkpd_mdr.gallery.desmee2015 import desmee2015
from pkpd_mdr.gallery.drexler2020 import drexler2020
from pkpd_mdr.gallery.egfr_generations import egfr_generations
from pkpd_mdr.gallery.elkareh2003 import elkareh2003
from pkpd_mdr.gallery.evans2004 import evans2004
from pkpd_mdr.gallery.friberg2002 import friberg2002
from pkpd_mdr.gallery.goldie1979 import goldie1979
from pkpd_mdr.gallery.greene2019 import greene2019
from pkpd_mdr.gallery.gunnarsson2020 import gunnarsson2020
from pkpd_mdr.gallery.hahnfeldt1999 import hahnfeldt1999
from pkpd_mdr.gallery.hinow2009 import hinow2009
from pkpd_mdr.gallery.hu2019 import hu2019
from pkpd_mdr.gallery.johnson2020 import johnson2020
from pkpd_mdr.gallery.kronik2008 import kronik2008
from pkpd_mdr.gallery.kuznetsov1994 import kuznetsov1994
from pkpd_mdr.gallery.leontriana2021 import leontriana2021
from pkpd_mdr.gallery.li2016 import li2016
from pkpd_mdr.gallery.mahasa2016 import mahasa2016
from pkpd_mdr.gallery.mazzocco2015 import mazzocco2015
from pkpd_mdr.gallery.mckenna2017 import mckenna2017
from pkpd_mdr.gallery.mody2023 import mody2023
from pkpd_mdr.gallery.monro2009 import monro2009
from pkpd_mdr.gallery.ostermann2004 import ostermann2004
from pkpd_mdr.gallery.perezgarcia2019 import perezgarcia2019
from pkpd_mdr.gallery.published import Outcome, Published, Result
from pkpd_mdr.gallery.ribba2012 import ribba2012
from pkpd_mdr.gallery.sigal2019 import sigal2019
from pkpd_mdr.gallery.simeoni2004 import simeoni2004
from pkpd_mdr.gallery.stein2008 import stein2008
from pkpd_mdr.gallery.strobl2021 import strobl2021
from pkpd_mdr.gallery.tham2008 import tham2008
from pkpd_mdr.gallery.tmz_repair import tmz_repair
from pkpd_mdr.gallery.tomasetti2010 import tomasetti2010
from pkpd_mdr.gallery.vnkt_coculture import vnkt_coculture
from pkpd_mdr.gallery.wang2017 import wang2017
from pkpd_mdr.gallery.yoon2018 import yoon2018
from pkpd_mdr.gallery.zhang2017 import zhang2017
from pkpd_mdr.gallery.zhang2022 import zhang2022
from pkpd_mdr.gallery.zhu2015 import zhu2015

__all__ = [
    "MODELS",
    "Lesion",
    "Outcome",
    "Published",
    "Result",
    "alvarezarenas2019",
    "anthracycline_efflux",
    "beckman2012",
    "bozic2013",
    "check",
    "cholevy2018",
    "claret2009",
    "depillis2005",
    "depillis2008",
    "desmee2015",
    "drexler2020",
    "egfr_generations",
    "elkareh2003",
    "evans2004",
    "find",
    "friberg2002",
    "goldie1979",
    "greene2019",
    "gunnarsson2020",
    "hahnfeldt1999",
    "hinow2009",
    "hu2019",
    "johnson2020",
    "kronik2008",
    "kuznetsov1994",
    "leontriana2021",
    "li2016",
    "mahasa2016",
    "mazzocco2015",
    "mckenna2017",
    "mody2023",
    "monro2009",
    "numbers",
    "ostermann2004",
    "perezgarcia2019",
    "ribba2012",
    "sigal2019",
    "simeoni2004",
    "stein2008",
    "strobl2021",
    "table",
    "tham2008",
    "tmz_repair",
    "tomasetti2010",
    "vnkt_coculture",
    "wang2017",
    "yoon2018",
    "zhang2017",
    "zhang2022",
    "zhu2015",
]
